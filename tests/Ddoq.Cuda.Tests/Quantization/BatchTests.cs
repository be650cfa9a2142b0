using Ddoq.Cuda.Quantization;
using Ddoq.Cuda.Tests.Emulation;
using Ddoq.Latents;
using Ddoq.Quantization;
using Ddoq.Tests.Quantization;

namespace Ddoq.Cuda.Tests.Quantization;

/// <summary>How classes are dealt into batches and onto devices changes no bit, and memory that runs out stops nothing.</summary>
public class BatchTests
{
    private const int Dimension = 11;

    private static readonly QuantizerOptions s_options = new() { CentroidCount = 4, Seed = 9, HoldOutFraction = 0.2 };

    [TearDown]
    public void NothingIsLeft() => EmulatedDriver.ExpectClean();

    [Test]
    public void Batches_DoNotChangeABit([Values] QuantizationAlgorithm algorithm)
    {
        QuantizerOptions options = s_options with { Algorithm = algorithm, BatchSize = 7, Workers = 3 };
        EmulatedDriver.Start();
        Dictionary<int, ClassQuantization> together = Fit(Source(), options, new());
        foreach ((int batch, int piece, bool inPlace) in new[] { (1, 1, true), (2, 100, false), (4, 1024, true) })
        {
            EmulatedDriver.Start(seed: (ulong)(batch * 7)); // another order of threads, blocks and streams
            Dictionary<int, ClassQuantization> dealt = Fit(Source(inPlace), options, new() { BatchClasses = batch, PieceBytes = piece });
            ExpectEqual(dealt, together, $"batches of {batch}, pieces of {piece} bytes");
        }
    }

    [Test]
    public void SampleWeights_AreRefused()
    {
        EmulatedDriver.Start();
        var source = new ArrayLatentSource(Dimension, TestRows.Gaussian(9, Dimension, 1)) { Weights = [[1, 2, 3, 4, 5, 6, 7, 8, 9]] };
        using var quantizer = new CudaQuantizer();
        foreach (Action fit in (Action[])[
            () => quantizer.FitClass(source, 0, s_options, default),
            () => quantizer.Fit(source, s_options, _ => { }, null, NullProgress.Instance, default)])
        {
            UsageException refusal = Assert.Throws<UsageException>(fit)!;
            Assert.That(refusal.Message, Does.Contain("sample weights, which run on the CPU"));
            Assert.That(refusal.Hint, Does.Contain("--device cpu"));
        }
    }

    [Test]
    public void TwoDevices_ShareTheClasses_AndChangeNoBit()
    {
        EmulatedDriver.Start();
        Dictionary<int, ClassQuantization> one = Fit(Source(), s_options, new());
        EmulatedDriver.Start(devices: 2);
        using var meeting = new Barrier(2);
        var source = new WatchedSource(Source(), _ => meeting.SignalAndWait(TimeSpan.FromSeconds(30)));
        Dictionary<int, ClassQuantization> two = Fit(source, s_options with { Workers = 1 }, new() { BatchClasses = 1 });
        ExpectEqual(two, one, "two devices");
        Assert.That(source.Threads, Is.EqualTo(2));
    }

    // Dealt as devices ask, not in shares: while one device cannot go on with its first class, the other does all the rest.
    [Test]
    public void SlowDevice_KeepsOneClass_AndTheOtherTakesTheRest()
    {
        EmulatedDriver.Start(devices: 2);
        using var rest = new CountdownEvent(5);
        var source = new WatchedSource(Source(), place => Assert.That(place == 1 ? rest.Wait(TimeSpan.FromSeconds(60)) : true, Is.True, "classes wait for the slow device"));
        var results = new Dictionary<int, ClassQuantization>();
        using (var quantizer = new CudaQuantizer(new() { BatchClasses = 1 }))
        {
            void Add(ClassQuantization result)
            {
                results.Add(result.ClassIndex, result);
                if (!rest.IsSet)
                    rest.Signal();
            }

            quantizer.Fit(source, s_options with { Workers = 1 }, Add, null, NullProgress.Instance, default);
        }

        EmulatedDriver.Start();
        ExpectEqual(results, Fit(Source(), s_options, new()), "a slow device");
    }

    // Why batches are not recorded as graphs: a batch is so few launches, for any number of classes.
    [Test]
    public void Batch_IsEightLaunches_AndOneForEachRestart([Values(1, 4)] int restarts, [Values(1, 6)] int classes)
    {
        EmulatedDriver.Start();
        using var quantizer = new CudaQuantizer();
        HashSet<int> skipped = [.. Enumerable.Range(classes, 6 - classes)];
        quantizer.Fit(Source(), s_options with { Restarts = restarts }, _ => { }, skipped, NullProgress.Instance, default);
        Assert.That(EmulatedDriver.Launches, Is.EqualTo(8 + restarts));
    }

    // As compute-sanitizer's initcheck sees it: the padding of centroids, and the cells of rows that are held out.
    [Test]
    public void EverythingCopiedBack_WasWritten()
    {
        EmulatedDriver.Start();
        var source = new ArrayLatentSource(5, [.. new[] { 30, 7 }.Select((count, index) => TestRows.Gaussian(count, 5, (ulong)index))]);
        Fit(source, s_options with { HoldOutFraction = 0.3 }, new());
        EmulatedDriver.ExpectClean();
    }

    [Test]
    public void ABatch_IsOfWholeWaves_AndTheLastIsShort()
    {
        var limits = new BatchLimits(long.MaxValue, long.MaxValue, BatchLimits.MostClasses, 264);
        var batches = new List<int>();
        for (int waiting = 1000; waiting > 0; waiting -= batches[^1])
            batches.Add(Math.Min(waiting, limits.FullClasses(waiting)));
        Assert.That(batches, Is.EqualTo([528, 264, 208]));
        Assert.That(limits.FullClasses(21_841), Is.EqualTo(4 * 264));
    }

    [Test]
    public void DeviceThatFails_LeavesItsClassesToTheOthers()
    {
        EmulatedDriver.Start();
        Dictionary<int, ClassQuantization> expected = Fit(Source(), s_options, new());
        foreach ((string call, int nth) in new[] { ("cuModuleGetFunction", 3), ("cuLaunchKernel", 5), ("cuMemcpyDtoHAsync_v2", 4) })
        {
            EmulatedDriver.Start(devices: 2);
            var progress = new RecordingProgress();
            var results = new Dictionary<int, ClassQuantization>();
            using var quantizer = new CudaQuantizer(new() { BatchClasses = 1 });
            EmulatedDriver.Fail(call, nth, 999);
            quantizer.Fit(Source(), s_options, result => results.Add(result.ClassIndex, result), null, progress, default);
            ExpectEqual(results, expected, call);
            Assert.That(progress.Messages, Has.One.Contains("CUDA_ERROR_UNKNOWN").And.Contains("other devices go on"));
        }
    }

    [Test]
    public void MemoryThatRunsOut_HalvesTheBatch_AndGoesOn()
    {
        EmulatedDriver.Start();
        Dictionary<int, ClassQuantization> expected = Fit(Source(), s_options, new());
        EmulatedDriver.Start(memory: 45_000);
        var progress = new RecordingProgress();
        var results = new Dictionary<int, ClassQuantization>();
        using (var quantizer = new CudaQuantizer(new() { MemoryBudget = 1 << 30 }))
            quantizer.Fit(Source(), s_options, result => results.Add(result.ClassIndex, result), null, progress, default);
        ExpectEqual(results, expected, "little memory");
        Assert.That(progress.Messages, Has.Some.Contains("device 0").And.Contains("out of memory with 6 classes").And.Contains("going on with 3"));
        Assert.That(progress.Messages, Has.None.Contains("processor"));
    }

    [Test]
    public void ClassThatDoesNotFit_GoesToTheProcessor_AndSaysSo([Values(0, 20_000)] long budget)
    {
        EmulatedDriver.Start(memory: 20_000);
        var progress = new RecordingProgress();
        var results = new Dictionary<int, ClassQuantization>();
        using (var quantizer = new CudaQuantizer(new() { MemoryBudget = budget == 0 ? 1 << 30 : budget }))
            quantizer.Fit(Source(), s_options, result => results.Add(result.ClassIndex, result), null, progress, default);
        using var cpu = new CpuQuantizer();
        Dictionary<int, ClassQuantization> expected = Agreement.Fit(cpu, Source(), s_options);
        Assert.That(results.Keys, Is.EquivalentTo(expected.Keys));
        Assert.That(results[2].Labels, Is.EqualTo(expected[2].Labels));
        Assert.That(progress.Messages, Has.One.Contains("class 2 (class2) has 61 rows").And.Contains("processor"));
        Assert.That(progress.Completed, Is.EqualTo(6));
    }

    [Test]
    public void WhatTheKernelsDoNotOffer_GoesToTheProcessor_AndSaysSo()
    {
        EmulatedDriver.Start();
        ArrayLatentSource source = Source();
        float[][] start = [.. Enumerable.Range(0, 6).Select(_ => new float[4 * Dimension])];
        using var quantizer = new CudaQuantizer();
        foreach ((QuantizerOptions options, string reason) in new[]
        {
            (s_options with { Space = QuantizationSpace.Direct }, "direct space"),
            (s_options with { Initialization = CentroidInitialization.Given, InitialCentroids = start }, "given first centres"),
        })
        {
            var progress = new RecordingProgress();
            int results = 0;
            quantizer.Fit(source, options, _ => results++, null, progress, default);
            Assert.That(results, Is.EqualTo(6));
            Assert.That(progress.Messages, Has.One.Contains("CPU").And.Contains(reason));
            Assert.That(quantizer.FitClass(source, 0, options, default).RowCount, Is.EqualTo(30));
        }

        Assert.That(EmulatedDriver.Launches, Is.Zero);
    }

    [Test]
    public void WrongOptions_AreRefused()
    {
        EmulatedDriver.Start();
        Assert.Multiple(() =>
        {
            Assert.That(() => new CudaQuantizer(new() { MemoryBudget = -1 }), Throws.TypeOf<UsageException>().With.Message.Contains("-1"));
            Assert.That(() => new CudaQuantizer(new() { Devices = [] }), Throws.TypeOf<UsageException>().With.Message.Contains("empty"));
            Assert.That(() => new CudaQuantizer(new() { Devices = [3] }), Throws.TypeOf<DeviceUnavailableException>().With.Message.Contains("3").And.Message.Contains("0 to 0"));
        });
        EmulatedDriver.Start(devices: 0);
        Assert.That(() => new CudaQuantizer(), Throws.TypeOf<DeviceUnavailableException>().With.Message.Contains("no device"));
    }

    [Test]
    public void Disposed_Refuses_AndDisposesOnce()
    {
        EmulatedDriver.Start();
        var quantizer = new CudaQuantizer();
        Assert.That(quantizer.Description, Does.StartWith("CUDA, DDOQ emulated device"));
        Assert.That(quantizer.Devices.Single().IsEmulated, Is.True);
        quantizer.Dispose();
        quantizer.Dispose();
        Assert.That(() => quantizer.FitClass(Source(), 0, s_options, default), Throws.TypeOf<ObjectDisposedException>());
    }

    private static ArrayLatentSource Source(bool inPlace = true) =>
        new(Dimension, [.. new[] { 30, 7, 61, 3, 44, 20 }.Select((count, index) => TestRows.Gaussian(count, Dimension, (ulong)index))]) { InPlace = inPlace };

    private static Dictionary<int, ClassQuantization> Fit(ILatentSource source, QuantizerOptions options, CudaQuantizerOptions devices)
    {
        using var quantizer = new CudaQuantizer(devices);
        return Agreement.Fit(quantizer, source, options);
    }

    private static void ExpectEqual(Dictionary<int, ClassQuantization> actual, Dictionary<int, ClassQuantization> expected, string where) => Assert.Multiple(() =>
    {
        Assert.That(actual.Keys, Is.EquivalentTo(expected.Keys), where);
        foreach ((int index, ClassQuantization one) in actual)
        {
            Assert.That(one.Centroids, Is.EqualTo(expected[index].Centroids), where);
            Assert.That(one.Labels, Is.EqualTo(expected[index].Labels), where);
            Assert.That(one.Distortion, Is.EqualTo(expected[index].Distortion), where);
            Assert.That(one.HeldOutDistortion, Is.EqualTo(expected[index].HeldOutDistortion), where);
            Assert.That(one.RunningCounts, Is.EqualTo(expected[index].RunningCounts), where);
            Assert.That(one.CompanionWeights, Is.EqualTo(expected[index].CompanionWeights), where);
        }
    });

    /// <summary>Tells of the first reading of every thread, with the thread's place among them, from 1.</summary>
    private sealed class WatchedSource(ArrayLatentSource inner, Action<int> onFirstRead) : ILatentSource
    {
        private readonly HashSet<int> _threads = [];

        public int Threads => _threads.Count;

        public LatentShape Shape => inner.Shape;

        public IReadOnlyList<string> ClassNames => inner.ClassNames;

        public int RowCount(int classIndex) => inner.RowCount(classIndex);

        public void ReadRows(int classIndex, int firstRow, Span<Half> destination) => inner.ReadRows(classIndex, firstRow, destination);

        public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
        {
            bool isNew;
            int place;
            lock (_threads)
            {
                isNew = _threads.Add(Environment.CurrentManagedThreadId);
                place = _threads.Count;
            }

            if (isNew)
                onFirstRead(place);
            return inner.TryGetRows(classIndex, out rows);
        }
    }
}
