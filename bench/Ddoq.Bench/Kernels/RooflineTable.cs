using System.Diagnostics;
using System.Globalization;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Bench.Kernels;

/// <summary>
/// Assignment and Gram matrix from fp16 rows, as a share of OpenBLAS's sgemm and ssyrk on rows already converted to fp32, and of
/// the multiply-add peak of this core. One thread; ours and theirs in turn; medians.
/// </summary>
internal sealed class RooflineTable(TextWriter output)
{
    private const int Rows = 1300, Repeats = 9;
    private readonly LatentKernels _kernels = KernelTable.Default;

    public void Print()
    {
        double peak = PeakProbe.GigaflopsPerSecond(_kernels.Name == "AVX-512" ? 512 : 256);
        string blas = OpenBlas.IsAvailable ? $"OpenBLAS {OpenBlas.Core}" : "no OpenBLAS here";
        if (OpenBlas.IsAvailable)
            OpenBlas.UseOneThread();
        output.WriteLine(FormattableString.Invariant($"{_kernels.Name}, one thread, N = {Rows}, {blas}; multiply-add peak {peak:F0} Gflop/s; medians of {Repeats}, in turn."));
        output.WriteLine();
        output.WriteLine("| kernel | D | K | ms | Gflop/s | of the peak | OpenBLAS ms | speed relative to OpenBLAS |");
        output.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (int dimension in (int[])[4096, 16384])
        {
            using var rows = new LatentRows(_kernels, Rows, dimension);
            foreach (int centroids in (int[])[10, 16, 32, 50, 64, 100, 200])
                Assign(rows, centroids, peak);
            Gram(rows, peak);
        }
    }

    private unsafe void Assign(LatentRows rows, int centroids, double peak)
    {
        using var run = new AssignRun(_kernels, rows, centroids);
        using var scores = new NativeBuffer<float>();
        float* theirs = scores.Reserve((nint)Rows * centroids);
        Row("assign", rows.Dimension, centroids, 2.0 * Rows * centroids * rows.Dimension, peak, run.Run,
            () => OpenBlas.Scores(rows.Floats, rows.Floats, theirs, Rows, centroids, rows.Dimension));
    }

    private unsafe void Gram(LatentRows rows, double peak)
    {
        using var gram = new NativeBuffer<float>();
        using var scratch = new NativeBuffer<float>();
        using var other = new NativeBuffer<float>();
        gram.Reserve(_kernels.GramLength(Rows));
        scratch.Reserve(_kernels.GramScratchLength(Rows));
        float* theirs = other.Reserve((nint)Rows * Rows);
        Row("gram", rows.Dimension, null, (double)Rows * (Rows + 1) * rows.Dimension, peak,
            () => _kernels.Gram(rows.Pointers, Rows, rows.Mean, rows.Dimension, scratch.Pointer, gram.Pointer),
            () => OpenBlas.Gram(rows.Floats, theirs, Rows, rows.Dimension));
    }

    private void Row(string kernel, int dimension, int? centroids, double operations, double peak, Action ours, Action theirs)
    {
        var times = new List<double>();
        var otherTimes = new List<double>();
        ours();
        if (OpenBlas.IsAvailable)
            theirs();
        for (int i = 0; i < Repeats; i++)
        {
            times.Add(Time(ours));
            if (OpenBlas.IsAvailable)
                otherTimes.Add(Time(theirs));
        }

        double median = Median(times), rate = operations / median / 1e9;
        string other = otherTimes.Count == 0 ? "| – | – |"
            : string.Create(CultureInfo.InvariantCulture, $"| {Median(otherTimes) * 1e3:F2} | {100 * Median(otherTimes) / median:F0} % |");
        output.WriteLine(FormattableString.Invariant(
            $"| {kernel} | {dimension} | {centroids?.ToString(CultureInfo.InvariantCulture) ?? "–"} | {median * 1e3:F2} | {rate:F1} | {100 * rate / peak:F0} % {other}"));
    }

    private static double Time(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }
}
