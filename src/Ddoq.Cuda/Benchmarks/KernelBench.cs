using System.Globalization;
using System.Text;
using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Kernels;

namespace Ddoq.Cuda.Benchmarks;

/// <summary>Measures the kernels on a device: times by device events, bytes and arithmetic by the kernels' contracts.</summary>
/// <remarks>
/// Launches are recorded as a graph, so that the host's time between launches does not count. A launch that touches less than
/// four times the second-level cache takes turns among several sets of arrays. After a warm-up the median of many samples is
/// taken. A kernel that the driver refuses costs its own row; after a fault that ends the context the others are not run.
/// </remarks>
public static unsafe class KernelBench
{
    private const int WarmUps = 3;
    private const int MostLaunches = 1000;
    private const double SampleSeconds = 2e-3;

    // The kernels of the default fit and of the loss first: a run that is cut off has them.
    private static readonly string[] s_first =
    [
        "ddoq_assign_k64_f16", "ddoq_gram_tensor_f16", "ddoq_cluster_lloyd_f32", "ddoq_class_mean_f16", "ddoq_center_f16", "ddoq_centroids_mean_f16",
        "ddoq_centroid_parts_f16", "ddoq_distances_f16", "ddoq_weighted_ce_warp_f16", "ddoq_weighted_ce_block_f16",
    ];

    private static readonly KernelCase[] s_cases =
    [
        .. RowKernelCases.All().Concat(ClusterKernelCases.All()).Concat(LossKernelCases.All())
            .OrderBy(one => (uint)Array.IndexOf(s_first, one.Kernel)).ThenBy(one => one.Kernel, StringComparer.Ordinal),
    ];

    /// <summary>The kernels that are measured, by symbol.</summary>
    /// <param name="filter">Parts of names with commas between; null for all.</param>
    public static IReadOnlyList<string> List(string? filter = null) => [.. Matching(filter).Select(one => one.Kernel)];

    /// <summary>Measures.</summary>
    /// <param name="options">The device, and which kernels.</param>
    /// <param name="progress">Receives one unit per kernel under the stage <c>bench</c>.</param>
    /// <param name="cancellation">Stops between kernels.</param>
    /// <exception cref="UsageException">No kernel's name contains the filter, or the number of samples is not positive.</exception>
    /// <exception cref="DeviceUnavailableException">There is no driver, no such device, it is too old, or this build carries no kernels.</exception>
    /// <exception cref="CudaException">The driver failed.</exception>
    public static KernelBenchReport Run(KernelBenchOptions options, IProgressSink progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(progress);
        if (options.Samples < 1)
            throw new UsageException($"{nameof(KernelBenchOptions.Samples)} is {options.Samples}; allowed: 1 or more.");
        KernelCase[] cases = [.. Matching(options.Filter)];
        if (cases.Length == 0)
            throw new UsageException($"no kernel's name contains '{options.Filter}'", "ddoq bench kernels --list names them all.");
        CudaDevice device = CudaDevice.Select([options.Device])[0];
        using var context = new ContextHandle(device);
        using var catalog = new KernelCatalog(KernelImage.Find(), device);
        using var stream = new StreamHandle();
        BenchSizes sizes = BenchSizes.For(device);
        var measurements = new List<KernelMeasurement>();
        progress.Begin("bench", cases.Length, "kernels");
        try
        {
            using var data = new BenchData(stream, sizes);
            double copy = MeasureCopy(catalog, stream, data, device, options);
            foreach (KernelCase one in cases)
            {
                cancellation.ThrowIfCancellationRequested();
                (KernelMeasurement measured, bool lost) = MeasureCase(one, catalog, stream, data, device, options, copy);
                measurements.Add(measured);
                options.OnMeasured?.Invoke(measured);
                progress.Advance(1);
                if (lost)
                    break;
            }

            return new KernelBenchReport(device, device.IsEmulated ? null : copy / 1e9, measurements);
        }
        finally
        {
            progress.End();
        }
    }

    /// <summary>Turns a time into rates and shares; an emulated device's into none.</summary>
    internal static KernelMeasurement Evaluate(
        string kernel, PreparedKernel prepared, double seconds, double noise, double copyBytesPerSecond, KernelBenchOptions options, CudaDevice device)
    {
        if (device.IsEmulated || options.Once)
            return KernelMeasurement.WithoutNumbers(kernel, prepared.Shape);
        double? rate = prepared.Bytes / seconds;
        double? peak = 1e12 * (prepared.OnTensorCores ? options.MatrixTeraflops : options.SingleTeraflops);
        double? least = prepared.Operations / peak is { } arithmetic && prepared.Bytes is { } bytes
            ? Math.Max(arithmetic, bytes / copyBytesPerSecond)
            : null;
        return new KernelMeasurement(
            kernel, prepared.Shape, 1e3 * seconds, noise, rate / 1e9, prepared.Operations / seconds / 1e12, rate / copyBytesPerSecond, least / seconds);
    }

    /// <summary>Median, and width between the 10th and the 90th percentile over it.</summary>
    internal static (double Median, double Noise) Summarize(double[] samples)
    {
        double[] sorted = [.. samples.Order()];
        double At(double quantile)
        {
            double place = quantile * (sorted.Length - 1);
            int low = (int)place;
            double high = sorted[Math.Min(low + 1, sorted.Length - 1)];
            return sorted[low] + ((place - low) * (high - sorted[low]));
        }

        double median = At(0.5);
        return (median, (At(0.9) - At(0.1)) / median);
    }

    private static IEnumerable<KernelCase> Matching(string? filter) =>
        s_cases.Where(one => filter is null || filter.Split(',').Any(part => one.Kernel.Contains(part, StringComparison.OrdinalIgnoreCase)));

    private static (KernelMeasurement Measured, bool ContextLost) MeasureCase(
        KernelCase one, KernelCatalog catalog, StreamHandle stream, BenchData data, CudaDevice device, KernelBenchOptions options, double copy)
    {
        using var bench = new BenchContext(catalog, stream, data, device);
        try
        {
            PreparedKernel prepared = one.Prepare(bench);
            (double seconds, double noise) = Measure(prepared.Launches, stream, device, options);
            KernelMeasurement measured = Evaluate(one.Kernel, prepared, seconds, noise, copy, options, device);
            return (measured with { Remark = prepared.Describe?.Invoke() }, false);
        }
        catch (CudaException exception)
        {
            return (KernelMeasurement.WithoutNumbers(one.Kernel, string.Empty) with { Error = exception.Message }, exception.EndsContext);
        }
    }

    // Bytes read and written per second, of bytes without a pattern.
    private static double MeasureCopy(KernelCatalog catalog, StreamHandle stream, BenchData data, CudaDevice device, KernelBenchOptions options)
    {
        using var bench = new BenchContext(catalog, stream, data, device);
        long size = bench.Sizes.CopyBytes;
        double bytes = 2.0 * size;
        Action<StreamHandle>[] copies = bench.Rotate(bytes, () =>
        {
            ulong source = bench.Random(size), destination = bench.Zeros(size);
            return on => CudaCall.Check(DriverApi.MemcpyDtoDAsync(destination, source, (nuint)size, on.Value), "cuMemcpyDtoDAsync");
        });
        (double seconds, double noise) = Measure(copies, stream, device, options);
        double rate = bytes / seconds;
        string shape = $"{size >> 20} MiB";
        options.OnMeasured?.Invoke(
            device.IsEmulated || options.Once
                ? KernelMeasurement.WithoutNumbers("copy", shape)
                : new KernelMeasurement("copy", shape, 1e3 * seconds, noise, rate / 1e9, null, 1, 1));
        return rate;
    }

    private static (double Seconds, double Noise) Measure(Action<StreamHandle>[] launches, StreamHandle stream, CudaDevice device, KernelBenchOptions options)
    {
        using EventHandle begin = new(timed: true), end = new(timed: true);
        double Time(Action work)
        {
            begin.Record(stream);
            work();
            end.Record(stream);
            end.Synchronize();
            return end.SecondsSince(begin);
        }

        void Once()
        {
            foreach (Action<StreamHandle> launch in launches)
                launch(stream);
        }

        if (options.Once)
            return (Time(() => launches[0](stream)), 0);
        if (!device.IsEmulated)
            Time(Once); // the first launch of a kernel loads it
        double estimate = Time(Once) / launches.Length;
        int rounds = device.IsEmulated ? 1 : (int)Math.Clamp(Math.Ceiling(SampleSeconds / estimate / launches.Length), 1, Math.Max(1, MostLaunches / launches.Length));
        using GraphHandle graph = stream.Capture(() =>
        {
            for (int round = 0; round < rounds; round++)
                Once();
        });
        int warmUps = device.IsEmulated ? 0 : WarmUps;
        var times = new double[device.IsEmulated ? 1 : options.Samples];
        for (int i = -warmUps; i < times.Length; i++)
        {
            double seconds = Time(() => graph.Launch(stream)) / (rounds * launches.Length);
            if (i >= 0)
                times[i] = seconds;
        }

        return Summarize(times);
    }
}

/// <summary>What <see cref="KernelBench"/> measures.</summary>
public sealed record KernelBenchOptions
{
    /// <summary>The device, 0-based.</summary>
    public int Device { get; init; }

    /// <summary>Kernels whose names contain this, or one of several parts with commas between; null for all.</summary>
    public string? Filter { get; init; }

    /// <summary>Timed samples per kernel, of which the median is taken; at least 1.</summary>
    public int Samples { get; init; } = 20;

    /// <summary>Launches each kernel once, untimed, for a profiler that watches.</summary>
    public bool Once { get; init; }

    /// <summary>
    /// The fastest dense product of fp16 matrices measured on the device, in 10^12 additions and multiplications a second;
    /// without it kernels on tensor cores have no share of the roofline.
    /// </summary>
    public double? MatrixTeraflops { get; init; }

    /// <summary>The same of fp32 matrices outside tensor cores, for all other kernels.</summary>
    public double? SingleTeraflops { get; init; }

    /// <summary>Receives each row as soon as it is there; the first is that of the copy.</summary>
    public Action<KernelMeasurement>? OnMeasured { get; init; }
}

/// <summary>A kernel to measure: how to set it up.</summary>
/// <param name="Kernel">Its symbol.</param>
/// <param name="Prepare">Allocates and fills its arrays.</param>
internal sealed record KernelCase(string Kernel, Func<BenchContext, PreparedKernel> Prepare);

/// <summary>A kernel ready to launch, on sets of arrays so that no launch finds its data in the cache.</summary>
/// <param name="Shape">Sizes in words.</param>
/// <param name="Bytes">Bytes that a launch moves by its contract, null where that depends on the data.</param>
/// <param name="Operations">Additions and multiplications of a launch, likewise.</param>
/// <param name="OnTensorCores">Whether they run on tensor cores.</param>
/// <param name="Launches">One per set of arrays.</param>
/// <param name="Describe">What the last launch did, in words, where its time depends on the data.</param>
internal sealed record PreparedKernel(
    string Shape, double? Bytes, double? Operations, bool OnTensorCores, Action<StreamHandle>[] Launches, Func<string>? Describe = null);

/// <summary>The result of a bench.</summary>
/// <param name="Device">Where it ran.</param>
/// <param name="CopyGigabytesPerSecond">Bytes read and written per second by a copy within the device; null on an emulated one.</param>
/// <param name="Measurements">One per kernel and shape.</param>
public sealed record KernelBenchReport(CudaDevice Device, double? CopyGigabytesPerSecond, IReadOnlyList<KernelMeasurement> Measurements)
{
    /// <summary>What stands where a number would, on a device that has no speed.</summary>
    public const string NoSpeed = "emulated: no speed";

    private static readonly string[] s_columns = ["kernel", "shape", "ms", "noise %", "GB/s", "TFLOP/s", "% of copy", "% of roofline", "remark"];

    /// <summary>What the numbers are relative to, in one line.</summary>
    public string Summary => Device.IsEmulated
        ? $"{Device.Label}: {NoSpeed}. The kernels ran to the end; nothing here says anything about a GPU."
        : string.Create(CultureInfo.InvariantCulture, $"{Device.Label}, {Device.MultiprocessorCount} multiprocessors; a copy within the device moves {CopyGigabytesPerSecond:F0} GB/s (read and written)");

    /// <summary>As a table of Markdown.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder($"{Summary}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"| {string.Join(" | ", s_columns)} |\n|---|---|{string.Concat(Enumerable.Repeat("---:|", s_columns.Length - 3))}---|\n");
        foreach (KernelMeasurement one in Measurements)
            text.Append(CultureInfo.InvariantCulture, $"| {string.Join(" | ", Cells(one))} |\n");
        return text.ToString();
    }

    /// <summary>As comma-separated values; cells without a number are empty.</summary>
    public string ToCsv()
    {
        var text = new StringBuilder("device,kernel,shape,milliseconds,noise,gigabytes_per_second,teraflops_per_second,share_of_copy,share_of_roofline,remark\n");
        foreach (KernelMeasurement one in Measurements)
        {
            double?[] numbers = [one.Milliseconds, one.Noise, one.GigabytesPerSecond, one.TeraflopsPerSecond, one.ShareOfCopy, one.ShareOfRoofline];
            string cells = string.Join(',', numbers.Select(number => number?.ToString("G6", CultureInfo.InvariantCulture)));
            text.Append(CultureInfo.InvariantCulture, $"\"{Device.Name}\",{one.Kernel},{one.Shape},{cells},\"{(Device.IsEmulated ? NoSpeed : Words(one))}\"\n");
        }

        return text.ToString();
    }

    /// <summary>As aligned lines for people.</summary>
    public string ToText()
    {
        string[][] lines = [s_columns, .. Measurements.Select(Cells)];
        int[] widths = [.. s_columns.Select((_, column) => lines.Max(line => line[column].Length))];
        var text = new StringBuilder($"{Summary}\n");
        foreach (string[] line in lines)
            text.Append(string.Join("  ", line.Select((cell, column) => column < 2 || column == s_columns.Length - 1 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))).TrimEnd()).Append('\n');
        return text.ToString();
    }

    private string[] Cells(KernelMeasurement one) =>
    [
        one.Kernel, one.Shape,
        .. Device.IsEmulated
            ? [NoSpeed, .. Enumerable.Repeat("-", s_columns.Length - 4)]
            : new[] { Number(one.Milliseconds, "F4"), Percent(one.Noise), Number(one.GigabytesPerSecond, "F0"), Number(one.TeraflopsPerSecond, "F1"), Percent(one.ShareOfCopy), Percent(one.ShareOfRoofline) },
        Words(one),
    ];

    private static string Words(KernelMeasurement one) => one.Error is { } error ? $"failed: {error}" : one.Remark ?? string.Empty;

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";

    private static string Percent(double? value) => Number(100 * value, "F1");
}

/// <summary>What one kernel reached on one shape. Numbers are null on an emulated device, which has no speed.</summary>
/// <param name="Kernel">Its symbol.</param>
/// <param name="Shape">Sizes, in the notation of the kernels' contracts.</param>
/// <param name="Milliseconds">Median time of a launch.</param>
/// <param name="Noise">Width between the 10th and the 90th percentile over the median.</param>
/// <param name="GigabytesPerSecond">Bytes of the contract per second; null where the work depends on the data.</param>
/// <param name="TeraflopsPerSecond">Additions and multiplications per second, likewise.</param>
/// <param name="ShareOfCopy">Bytes per second over those of a copy within the device, measured in the same run.</param>
/// <param name="ShareOfRoofline">
/// Least possible time, the larger of bytes at the copy's speed and arithmetic at the speed of a matrix product, over the time
/// taken; null where that product has not been measured.
/// </param>
public sealed record KernelMeasurement(
    string Kernel,
    string Shape,
    double? Milliseconds,
    double? Noise,
    double? GigabytesPerSecond,
    double? TeraflopsPerSecond,
    double? ShareOfCopy,
    double? ShareOfRoofline)
{
    /// <summary>What the launch did where its time depends on the data, for example iterations and moves.</summary>
    public string? Remark { get; init; }

    /// <summary>Why there are no numbers, or null.</summary>
    public string? Error { get; init; }

    internal static KernelMeasurement WithoutNumbers(string kernel, string shape) => new(kernel, shape, null, null, null, null, null, null);
}
