using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Ddoq.Cuda;
using Ddoq.Cuda.Benchmarks;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.Bench.Device;

/// <summary>
/// The whole quantiser on latents of a power law around modes: from the host's memory to the host's memory in batches, and
/// from the device's memory with all classes in one batch. <c>compute_seconds</c> is the device's time between events
/// around the computing part, of exactly the classes that stand beside it; iterations and moves say how much work it was.
/// </summary>
internal static class ClusterRun
{
    /// <summary>Fits all classes several times, after one fit of a few classes that loads the kernels; a line of JSON for each.</summary>
    public static void Run(int classes, int rows, int dimension, int centroids, int repeats, ResultLines lines)
    {
        var options = new QuantizerOptions { CentroidCount = centroids };
        InMemoryLatents source = PowerLawLatents.Create(classes, rows, dimension);
        foreach (bool resident in new[] { false, true })
        {
            using var cuda = new CudaQuantizer(new CudaQuantizerOptions { Devices = [0], BatchClasses = resident ? classes : 0 });
            CudaDevice device = cuda.Devices[0];
            HashSet<int> allButTwo = [.. Enumerable.Range(Math.Min(2, classes), Math.Max(0, classes - 2))];
            cuda.Fit(source, options, _ => { }, allButTwo, NullProgress.Instance, default);
            for (int r = 0; r < repeats; r++)
            {
                var sum = new Sums();
                var messages = new CollectedMessages();
                double before = cuda.ComputeSeconds;
                long start = Stopwatch.GetTimestamp();
                cuda.Fit(source, options, sum.Add, null, messages, default);
                double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds, compute = cuda.ComputeSeconds - before;
                lines.Add(json => Write(json, device, resident, (classes, rows, dimension, centroids), seconds, compute, sum, messages.Text, options));
            }
        }
    }

    private static void Write(
        Utf8JsonWriter json, CudaDevice device, bool resident, (int Classes, int Rows, int Dimension, int Centroids) size, double seconds, double compute, Sums sum, string? messages, QuantizerOptions options)
    {
        json.WriteString("device", device.Name);
        json.WriteBoolean("emulated", device.IsEmulated);
        json.WriteString("algorithm", options.Algorithm.ToString());
        json.WriteNumber("restarts", options.Restarts);
        json.WriteString("batches", resident ? "all classes resident" : "as the quantiser chooses");
        json.WriteNumber("classes", size.Classes);
        json.WriteNumber("rows", size.Rows);
        json.WriteNumber("dimension", size.Dimension);
        json.WriteNumber("centroids", size.Centroids);
        json.WriteNumber("distortion", sum.Distortion / sum.Classes);
        json.WriteString("iterations", sum.Iterations.ToString());
        json.WriteString("moves", sum.Moves.ToString());
        json.WriteString("messages", messages);

        // An emulated device has no speed.
        if (device.IsEmulated)
            return;
        json.WriteNumber("seconds", seconds);
        json.WriteNumber("compute_seconds", compute);
        json.WriteNumber("rows_per_second", (double)size.Classes * size.Rows / seconds);
        json.WriteNumber("gigabytes_per_second", 2.0 * size.Classes * size.Rows * size.Dimension / seconds / 1e9);
    }

    // What the classes of a fit needed, together.
    private sealed class Sums
    {
        public int Classes { get; private set; }

        public double Distortion { get; private set; }

        public Extent Iterations { get; } = new();

        public Extent Moves { get; } = new();

        public void Add(ClassQuantization one)
        {
            Classes++;
            Distortion += one.Distortion;
            Iterations.Add(one.IterationCount);
            Moves.Add(one.MoveCount);
        }
    }

    private sealed class Extent
    {
        private long _count;
        private long _sum;
        private long _least = long.MaxValue;
        private long _most;

        public void Add(long value)
        {
            _count++;
            _sum += value;
            _least = Math.Min(_least, value);
            _most = Math.Max(_most, value);
        }

        public override string ToString() =>
            _count == 0 ? "none" : string.Create(CultureInfo.InvariantCulture, $"{_least} to {_most}, mean {(double)_sum / _count:F0}");
    }
}

/// <summary>Keeps what a quantiser says, for example that the processor took over: then the device was not checked.</summary>
internal sealed class CollectedMessages : IProgressSink
{
    private readonly List<string> _messages = [];

    /// <summary>All of them in a fixed order, or null.</summary>
    public string? Text
    {
        get
        {
            lock (_messages)
                return _messages.Count == 0 ? null : string.Join("; ", _messages.Order(StringComparer.Ordinal));
        }
    }

    public void Begin(string stage, long total, string unit, long completed = 0)
    {
    }

    public void Advance(long units)
    {
    }

    public void End()
    {
    }

    public void Message(string text)
    {
        lock (_messages)
            _messages.Add(text);
    }
}
