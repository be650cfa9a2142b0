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
        foreach (QuantizationAlgorithm algorithm in new[] { QuantizationAlgorithm.Hartigan, QuantizationAlgorithm.D4m, QuantizationAlgorithm.Clvq })
            yield return new(ClusterSettings.Symbol(algorithm), bench => Cluster(bench, algorithm));
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

    // How long the whole algorithm takes depends on the data: only its time is told.
    private static PreparedKernel Cluster(BenchContext bench, QuantizationAlgorithm algorithm)
    {
        BenchSizes s = bench.Sizes;
        int k = Math.Min(Centroids, s.MostCentroids);
        var options = new QuantizerOptions { CentroidCount = k, Algorithm = algorithm };
        Kernel kernel = bench.Catalog.Get(ClusterSettings.Symbol(algorithm), KernelShapes.ClusterThreads, KernelShapes.ClusterSharedBytes);
        double bytes = 4.0 * s.Classes * s.Rows * s.Rows;
        return new($"C={s.Classes} N={s.Rows} K={k} {algorithm}", null, null, false, bench.Rotate(bytes, () =>
        {
            var gram = MakeGram(bench, RowFormat.F16, k);
            gram.Launch(bench.Stream);
            BatchClass last = gram.Classes[^1];
            long rows = last.RowEnd, centroids = last.CentroidEnd;
            Kernel norms = bench.Catalog.Get("ddoq_norms_f16", KernelShapes.NormsThreads, 0);
            ulong rowNorms = bench.Zeros(4 * rows);
            norms.Launch(
                new NormsParameters { Rows = gram.Parameters.Rows, Norms = rowNorms, RowStride = last.Stride, RowCount = rows, Dimension = s.Dimension },
                rows,
                bench.Stream);
            var p = new ClusterParameters
            {
                Gram = gram.Parameters.Gram,
                RowNorms = rowNorms,
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
            return stream => kernel.Launch(p, s.Classes, stream);
        }));
    }

    private static (BatchClass[] Classes, BatchTables Tables, GramParameters Parameters, Action<Interop.StreamHandle> Launch) MakeGram(
        BenchContext bench, RowFormat format, int centroids)
    {
        TileShape shape = format == RowFormat.F32 ? KernelShapes.GramFp32 : KernelShapes.Gram;
        Kernel kernel = bench.Catalog.Get(GramSymbol(format), shape.Threads, shape.SharedBytes(1));
        (BatchClass[] classes, BatchTables tables) = bench.Classes(centroids, format, shape, KernelShapes.Assign(centroids));
        var p = new GramParameters
        {
            Rows = bench.Normal(classes[^1].RowEnd * classes[0].Stride, format),
            Classes = tables.Fit,
            TileBegin = tables.Gram.Begin,
            Gram = bench.Zeros(4 * classes[^1].GramEnd),
            RowStride = classes[0].Stride,
            Dimension = bench.Sizes.Dimension,
            ClassCount = classes.Length,
        };
        return (classes, tables, p, stream => kernel.Launch(p, tables.Gram.Total, stream));
    }
}
