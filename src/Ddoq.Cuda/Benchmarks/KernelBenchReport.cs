using System.Globalization;
using System.Text;

namespace Ddoq.Cuda.Benchmarks;

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
