using System.Diagnostics;
using System.Globalization;

namespace Ddoq.Fuzzing;

/// <summary>Feeds a reader many broken inputs, each made from its seed alone, and allows two ends: a right result, or one of our errors with the file's name.</summary>
/// <remarks>
/// 10,000 inputs or twenty seconds, whichever is over first. <c>DDOQ_FUZZ_COUNT</c> asks for that many, however long they take, and
/// <c>DDOQ_FUZZ_SEED</c> for the first seed, to repeat one.
/// </remarks>
internal static class Fuzzer
{
    private const int Inputs = 10_000;
    private static readonly TimeSpan s_whole = TimeSpan.FromSeconds(20), s_one = TimeSpan.FromSeconds(20);

    /// <summary>Runs a reader on inputs until the count or the time is reached.</summary>
    /// <param name="name">What an error has to name.</param>
    /// <param name="input">Makes the input of a seed, reads it and checks the result; whatever it throws but our errors is a failure.</param>
    /// <param name="mostBytes">The most that one input may allocate.</param>
    public static void Run(string name, Action<Random> input, long mostBytes = 1L << 30)
    {
        int? asked = Setting("DDOQ_FUZZ_COUNT");
        int first = Setting("DDOQ_FUZZ_SEED") ?? 1, count = asked ?? Inputs, done = 0, right = 0, seed = 0, slowest = 0;
        long started = 0;
        TimeSpan longest = TimeSpan.Zero;
        Exception? failure = null;
        long begun = Stopwatch.GetTimestamp();
        TimeSpan busy = Environment.CpuUsage.TotalTime;

        // A thread of its own, so that an input that never ends is found and named.
        var worker = new Thread(() =>
        {
            for (int i = 0; i < count && failure is null && (asked is not null || Stopwatch.GetElapsedTime(begun) < s_whole); i++)
            {
                Volatile.Write(ref seed, first + i);
                Interlocked.Exchange(ref started, Stopwatch.GetTimestamp());
                failure = One(name, input, mostBytes, first + i, ref right);
                done++;
                if (Stopwatch.GetElapsedTime(Interlocked.Read(ref started)) is var taken && taken > longest)
                    (longest, slowest) = (taken, first + i);
            }
        });
        worker.IsBackground = true;
        worker.Start();
        while (!worker.Join(TimeSpan.FromMilliseconds(200)))
        {
            if (Interlocked.Read(ref started) is var at and > 0 && Stopwatch.GetElapsedTime(at) > s_one)
                Assert.Fail($"seed {Volatile.Read(ref seed)} takes more than {s_one.TotalSeconds} s");
        }

        Assert.That(failure, Is.Null, () => $"seed {seed}: {failure}");
        TestContext.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{name}: {done} inputs from seed {first}, {right} read, {done - right} refused, {Stopwatch.GetElapsedTime(begun).TotalSeconds:F1} s ({(Environment.CpuUsage.TotalTime - busy).TotalSeconds:F1} s of processors); the longest took {longest.TotalMilliseconds:F0} ms, seed {slowest}"));
        Assert.That(done, Is.GreaterThan(asked is null ? 10 : 0));
    }

    private static Exception? One(string name, Action<Random> input, long mostBytes, int seed, ref int right)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            input(new Random(seed));
            right++;
        }
        catch (DdoqException e)
        {
            if (!e.Message.Contains(name, StringComparison.Ordinal))
                return new InvalidOperationException($"the error does not name {name}", e);
        }
        catch (Exception e)
        {
            return e;
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        return allocated > mostBytes ? new InvalidOperationException($"{allocated} bytes allocated") : null;
    }

    private static int? Setting(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null;
}

/// <summary>Tests whose temporary folders lie in memory, where the system has a place for that.</summary>
/// <remarks>On a disk a stage record alone waits for three flushes, hundreds of times as long as its reader takes.</remarks>
public abstract class TestsInMemory
{
    private const string Variable = "TMPDIR", Memory = "/dev/shm";

    private string? _before;

    /// <summary>Moves what is made from here on.</summary>
    [SetUp]
    public void EnterMemory()
    {
        _before = Environment.GetEnvironmentVariable(Variable);
        if (Directory.Exists(Memory))
            Environment.SetEnvironmentVariable(Variable, Memory);
    }

    /// <summary>Moves back.</summary>
    [TearDown]
    public void LeaveMemory() => Environment.SetEnvironmentVariable(Variable, _before);
}

/// <summary>Changes a valid file in one to four places, half of the time at places that matter in its format.</summary>
internal static class Mutation
{
    private static readonly int[] s_numbers = [0, 1, -1, 2, 127, 128, 255, 256, 32767, 65535, 65536, int.MaxValue, int.MinValue, 0x20000000, 0x10000, 12, 13];

    /// <summary>A mutated copy.</summary>
    /// <param name="valid">A valid file.</param>
    /// <param name="random">Decides.</param>
    /// <param name="places">Offsets of headers and lengths.</param>
    public static byte[] Of(byte[] valid, Random random, params ReadOnlySpan<int> places)
    {
        byte[] content = [.. valid];
        for (int change = random.Next(1, 5); change > 0 && content.Length > 8; change--)
        {
            int at = places.Length > 0 && random.Next(2) == 0
                ? Math.Clamp(places[random.Next(places.Length)] + random.Next(-4, 20), 0, content.Length - 1)
                : random.Next(content.Length);
            content = Change(content, at, random);
        }

        return content;
    }

    private static byte[] Change(byte[] content, int at, Random random)
    {
        int length = Math.Min(content.Length - at, random.Next(3) == 0 ? random.Next(1, 1024) : random.Next(1, 16));
        switch (random.Next(9))
        {
            case 0:
                content[at] ^= (byte)(1 << random.Next(8));
                return content;
            case 1:
                content[at] = (byte)s_numbers[random.Next(s_numbers.Length)];
                return content;
            case 2 when content.Length - at >= 4:
                int number = s_numbers[random.Next(s_numbers.Length)];
                BitConverter.TryWriteBytes(content.AsSpan(at), random.Next(2) == 0 ? number : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(number));
                return content;
            case 3:
                return content[..at];
            case 4:
                return [.. content[..at], .. content[(at + length)..]];
            case 5:
                return [.. content[..(at + length)], .. content[at..]];
            case 6:
                content.AsSpan(at, length).Clear();
                return content;
            case 7:
                byte[] noise = new byte[length];
                random.NextBytes(noise);
                return [.. content[..at], .. noise, .. content[at..]];
            default:
                random.NextBytes(content.AsSpan(at, length));
                return content;
        }
    }
}
