using System.Globalization;
using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Quantization;
using Ddoq.Quantization;

namespace Ddoq.Cuda.Benchmarks;

/// <summary>The Gram matrix, and the algorithms that work in it.</summary>
internal static class ClusterKernelCases
{
    private const int Centroids = 50;

    /// <summary>All of them.</summary>
    public static IEnumerable<KernelCase> All()
    {
        foreach (RowFormat format in new[] { RowFormat.F16, RowFormat.BF16, RowFormat.F32 })
            yield return new(GramSymbol(format), bench => Gram(bench, format));
        foreach (QuantizationAlgorithm algorithm in new[]
        {
            QuantizationAlgorithm.Hartigan, QuantizationAlgorithm.D4m, QuantizationAlgorithm.Clvq, QuantizationAlgorithm.Support,
        })
        {
            yield return new(ClusterSettings.Symbol(algorithm), bench => Cluster(bench, algorithm));
        }
    }

    private static string GramSymbol(RowFormat format) => format == RowFormat.F32 ? "ddoq_gram_fma_f32" : $"ddoq_gram_tensor_{format.Suffix}";

    private static PreparedKernel Gram(BenchContext bench, RowFormat format)
    {
        BenchSizes s = bench.Sizes;
        double bytes = s.Classes * ((double)s.Rows * s.Dimension * format.Bytes + (4.0 * s.Rows * s.Rows));
        double operations = (double)s.Classes * s.Rows * (s.Rows + 1.0) * s.Dimension; // of one triangle
        return new(
            $"C={s.Classes} N={s.Rows} D={s.Dimension}",
            bytes,
            operations,
            format != RowFormat.F32,
            bench.Rotate(bytes, () => MakeGram(bench, format, Centroids).Launch));
    }

    // How long the whole algorithm takes depends on the data: its time is told with its iterations and moves.
    private static PreparedKernel Cluster(BenchContext bench, QuantizationAlgorithm algorithm)
    {
        BenchSizes s = bench.Sizes;
        int k = Math.Min(Centroids, s.MostCentroids);
        var options = new QuantizerOptions { CentroidCount = k, Algorithm = algorithm };
        Kernel kernel = bench.Catalog.Get(ClusterSettings.Symbol(algorithm), KernelShapes.ClusterThreads, KernelShapes.ClusterSharedBytes);
        var gram = MakeGram(bench, RowFormat.F16, k, algorithm);
        gram.Launch(bench.Stream);
        BatchClass last = gram.Classes[^1];
        long rows = last.RowEnd, centroids = last.CentroidEnd;
        var p = new ClusterParameters
        {
            Gram = gram.Parameters.Gram,
            RowNorms = gram.Parameters.RowNorms,
            Classes = gram.Tables.Fit,
            ClusterClasses = gram.Tables.Clusters,
            Workspace = bench.Zeros(last.WorkspaceEnd),
            Labels = bench.Zeros(4 * rows),
            Counts = bench.Zeros(4 * centroids),
            Combined = bench.Zeros(4 * centroids),
            Combinations = bench.Zeros(4 * last.CombinationEnd),
            RunningCounts = bench.Zeros(8 * centroids),
            CompanionWeights = bench.Zeros(8 * centroids),
            Reports = gram.Tables.Reports,
            ClassCount = s.Classes,
            Options = ClusterSettings.Of(options, 0),
        };
        // A batch's classes are dealt by a counter; here there is a block for every class, where the device has as many.
        return new(
            $"C={s.Classes} N={s.Rows} K={k} {algorithm}", null, null, false, [stream => kernel.Launch(p, s.Classes, stream)], () => Describe(bench.Reports(gram.Tables, s.Classes)));
    }

    /// <summary>Iterations and moves of classes, by which their times are to be judged.</summary>
    public static string Describe(IReadOnlyList<ClusterReport> reports) => string.Create(
        CultureInfo.InvariantCulture,
        $"iterations {reports.Min(one => one.Iterations)} to {reports.Max(one => one.Iterations)}, mean {reports.Average(one => one.Iterations):F0}; "
        + $"moves {reports.Min(one => one.Moves)} to {reports.Max(one => one.Moves)}, mean {reports.Average(one => one.Moves):F0}");

    // Of the rows less the mean of their class, as in a fit.
    private static (BatchClass[] Classes, BatchTables Tables, GramParameters Parameters, Action<Interop.StreamHandle> Launch) MakeGram(
        BenchContext bench, RowFormat format, int centroids, QuantizationAlgorithm algorithm = QuantizationAlgorithm.Hartigan)
    {
        BenchSizes s = bench.Sizes;
        TileShape shape = format == RowFormat.F32 ? KernelShapes.GramFp32 : KernelShapes.Gram;
        Kernel kernel = bench.Catalog.Get(GramSymbol(format), shape.Threads, shape.SharedBytes(1));
        (BatchClass[] classes, BatchTables tables) = bench.Classes(centroids, format, shape, KernelShapes.Assign(centroids), algorithm);
        BatchClass last = classes[^1];
        ulong rows = bench.Rows(format), means = bench.Zeros(4L * s.Classes * s.Dimension);
        ulong norms = bench.Zeros(4 * last.RowEnd), shifts = bench.Zeros(4 * last.RowEnd);
        bench.Catalog.Get($"ddoq_class_mean_{format.Suffix}", KernelShapes.CentroidsThreads, 0).Launch(
            new ClassMeanParameters { Rows = rows, Classes = tables.Fit, Means = means, RowStride = last.Stride, Dimension = s.Dimension, ClassCount = s.Classes },
            (long)s.Classes * KernelShapes.Ceiling(s.Dimension, KernelShapes.ChunkColumns),
            bench.Stream);
        bench.Catalog.Get($"ddoq_center_{format.Suffix}", KernelShapes.NormsThreads, 0).Launch(
            new CenterParameters
            {
                Rows = rows,
                Means = means,
                Classes = tables.Fit,
                TileBegin = tables.Center.Begin,
                Norms = norms,
                Shifts = shifts,
                RowStride = last.Stride,
                Dimension = s.Dimension,
                ClassCount = s.Classes,
            },
            tables.Center.Total,
            bench.Stream);
        var p = new GramParameters
        {
            Rows = rows,
            RowNorms = norms,
            RowShifts = shifts,
            Classes = tables.Fit,
            TileBegin = tables.Gram.Begin,
            Gram = bench.Zeros(4 * last.GramEnd),
            RowStride = last.Stride,
            Dimension = s.Dimension,
            ClassCount = s.Classes,
        };
        return (classes, tables, p, stream => kernel.Launch(p, tables.Gram.Total, stream));
    }
}
