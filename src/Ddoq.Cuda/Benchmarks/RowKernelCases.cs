using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Quantization;

namespace Ddoq.Cuda.Benchmarks;

/// <summary>Kernels that pass over rows: norms, means, assignment, distances, combinations, competitive learning.</summary>
internal static class RowKernelCases
{
    private const int Centroids = 50;

    /// <summary>All of them.</summary>
    public static IEnumerable<KernelCase> All()
    {
        foreach (RowFormat format in new[] { RowFormat.F16, RowFormat.BF16, RowFormat.F32 })
        {
            yield return new($"ddoq_norms_{format.Suffix}", bench => Norms(bench, format));
            yield return new($"ddoq_center_{format.Suffix}", bench => Center(bench, format));
            yield return new($"ddoq_class_mean_{format.Suffix}", bench => ClassMean(bench, format));
            yield return new($"ddoq_centroids_mean_{format.Suffix}", bench => Means(bench, format));
            yield return new($"ddoq_centroids_combine_{format.Suffix}", bench => Combine(bench, format));
            yield return new($"ddoq_distances_{format.Suffix}", bench => Distances(bench, format));
            yield return new($"ddoq_clvq_update_{format.Suffix}", bench => ClvqUpdate(bench, format));
            if (format == RowFormat.F32)
            {
                yield return new("ddoq_assign_fma_f32", bench => Assign(bench, format, KernelShapes.AssignFp32, Centroids, "ddoq_assign_fma_f32"));
                continue;
            }

            yield return new($"ddoq_centroid_parts_{format.Suffix}", bench => Parts(bench, format));
            foreach (int centroids in new[] { 10, 50, 100, 200 })
            {
                TileShape shape = KernelShapes.Assign(centroids);
                string symbol = $"ddoq_assign_k{shape.Columns}_{format.Suffix}";
                yield return new(symbol, bench => Assign(bench, format, shape, centroids, symbol));
            }
        }
    }

    private static PreparedKernel Norms(BenchContext bench, RowFormat format)
    {
        (BenchSizes s, int stride, double values) = Of(bench);
        Kernel kernel = bench.Catalog.Get($"ddoq_norms_{format.Suffix}", KernelShapes.NormsThreads, 0);
        long rows = (long)s.Classes * s.Rows;
        double bytes = (values * format.Bytes) + (4 * rows);
        return new(Shape(bench), bytes, 2 * values, false, bench.Rotate(bytes, () =>
        {
            var p = new NormsParameters { Rows = bench.Rows(format), Norms = bench.Zeros(4 * rows), RowStride = stride, RowCount = rows, Dimension = s.Dimension };
            return stream => kernel.Launch(p, (rows + KernelShapes.CenterRows - 1) / KernelShapes.CenterRows, stream);
        }));
    }

    private static PreparedKernel Center(BenchContext bench, RowFormat format)
    {
        (BenchSizes s, int stride, double values) = Of(bench);
        Kernel kernel = bench.Catalog.Get($"ddoq_center_{format.Suffix}", KernelShapes.NormsThreads, 0);
        long rows = (long)s.Classes * s.Rows;
        double bytes = (values * format.Bytes) + (8 * rows) + (4.0 * s.Classes * s.Dimension);
        return new(Shape(bench), bytes, 6 * values, false, bench.Rotate(bytes, () =>
        {
            BatchTables tables = Tables(bench, format, Centroids).Tables;
            var p = new CenterParameters
            {
                Rows = bench.Rows(format),
                Means = bench.Normal((long)s.Classes * s.Dimension, RowFormat.F32),
                Classes = tables.All,
                TileBegin = tables.Center.Begin,
                Norms = bench.Zeros(4 * rows),
                Shifts = bench.Zeros(4 * rows),
                RowStride = stride,
                Dimension = s.Dimension,
                ClassCount = s.Classes,
            };
            return stream => kernel.Launch(p, tables.Center.Total, stream);
        }));
    }

    private static PreparedKernel ClassMean(BenchContext bench, RowFormat format)
    {
        (BenchSizes s, int stride, double values) = Of(bench);
        Kernel kernel = bench.Catalog.Get($"ddoq_class_mean_{format.Suffix}", KernelShapes.CentroidsThreads, 0);
        double bytes = (values * format.Bytes) + (4.0 * s.Classes * s.Dimension);
        return new(Shape(bench), bytes, values, false, bench.Rotate(bytes, () =>
        {
            BatchTables tables = Tables(bench, format, Centroids).Tables;
            var p = new ClassMeanParameters
            {
                Rows = bench.Rows(format),
                Classes = tables.All,
                Means = bench.Zeros(4L * s.Classes * s.Dimension),
                RowStride = stride,
                Dimension = s.Dimension,
                ClassCount = s.Classes,
            };
            return stream => kernel.Launch(p, (long)s.Classes * KernelShapes.Ceiling(s.Dimension, KernelShapes.ChunkColumns), stream);
        }));
    }

    private static PreparedKernel Means(BenchContext bench, RowFormat format)
    {
        (BenchSizes s, int stride, double values) = Of(bench);
        Kernel kernel = bench.Catalog.Get($"ddoq_centroids_mean_{format.Suffix}", KernelShapes.CentroidsThreads, KernelShapes.CentroidsSharedBytes);
        int k = Math.Min(Centroids, s.MostCentroids);
        double bytes = (values * format.Bytes) + (4.0 * s.Classes * (s.Rows + ((double)k * s.Dimension)));
        return new(Shape(bench, k), bytes, values, false, bench.Rotate(bytes, () =>
        {
            BatchTables tables = Tables(bench, format, k).Tables;
            var p = new CentroidsParameters
            {
                Rows = bench.Rows(format),
                Classes = tables.All,
                TileBegin = tables.Means.Begin,
                Labels = bench.Labels((long)s.Classes * s.Rows, k),
                Centroids = bench.Zeros(4L * s.Classes * k * stride),
                RowStride = stride,
                CentroidStride = stride,
                Dimension = s.Dimension,
                ClassCount = s.Classes,
            };
            return stream => kernel.Launch(p, tables.Means.Total, stream);
        }));
    }

    private static PreparedKernel Combine(BenchContext bench, RowFormat format)
    {
        (BenchSizes s, int stride, double values) = Of(bench);
        Kernel kernel = bench.Catalog.Get($"ddoq_centroids_combine_{format.Suffix}", KernelShapes.CentroidsThreads, 0);
        int k = Math.Min(Centroids, s.MostCentroids);
        double walks = KernelShapes.Ceiling(k, KernelShapes.CombineCentroids);
        double bytes = (walks * values * format.Bytes) + (4.0 * s.Classes * k * (s.Rows + (double)s.Dimension));
        return new(Shape(bench, k), bytes, 2 * k * values, false, bench.Rotate(bytes, () =>
        {
            (BatchClass[] classes, BatchTables tables) = Tables(bench, format, k);
            var p = new CombineParameters
            {
                Rows = bench.Rows(format),
                Means = bench.Normal((long)s.Classes * s.Dimension, RowFormat.F32),
                Classes = tables.All,
                TileBegin = tables.Combine.Begin,
                Coefficients = bench.Normal(classes[^1].CombinationEnd, RowFormat.F32),
                CoefficientBegin = tables.Combinations,
                Centroids = bench.Zeros(4L * s.Classes * k * stride),
                RowStride = stride,
                CentroidStride = stride,
                Dimension = s.Dimension,
                ClassCount = s.Classes,
            };
            return stream => kernel.Launch(p, tables.Combine.Total, stream);
        }));
    }

    private static PreparedKernel Distances(BenchContext bench, RowFormat format)
    {
        (BenchSizes s, int stride, double values) = Of(bench);
        Kernel kernel = bench.Catalog.Get($"ddoq_distances_{format.Suffix}", KernelShapes.DistancesThreads, 0);
        int k = Math.Min(Centroids, s.MostCentroids);
        double bytes = (values * format.Bytes) + (s.Classes * ((12.0 * s.Rows) + (4.0 * k * s.Dimension)));
        return new(Shape(bench, k), bytes, 3 * values, false, bench.Rotate(bytes, () =>
        {
            BatchTables tables = Tables(bench, format, k).Tables;
            var p = new DistancesParameters
            {
                Rows = bench.Rows(format),
                Centroids = bench.Normal((long)s.Classes * k * stride, RowFormat.F32),
                Classes = tables.All,
                TileBegin = tables.Distances.Begin,
                Labels = bench.Labels((long)s.Classes * s.Rows, k),
                Distances = bench.Zeros(8L * s.Classes * s.Rows),
                RowStride = stride,
                CentroidStride = stride,
                Dimension = s.Dimension,
                ClassCount = s.Classes,
            };
            return stream => kernel.Launch(p, tables.Distances.Total, stream);
        }));
    }

    private static PreparedKernel ClvqUpdate(BenchContext bench, RowFormat format)
    {
        (BenchSizes s, int stride, double values) = Of(bench);
        Kernel kernel = bench.Catalog.Get($"ddoq_clvq_update_{format.Suffix}", KernelShapes.CentroidsThreads, KernelShapes.CentroidsSharedBytes);
        int k = Math.Min(Centroids, s.MostCentroids);
        double bytes = (values * format.Bytes) + (s.Classes * ((4.0 * s.Rows) + (8.0 * k * s.Dimension)));
        return new(Shape(bench, k), bytes, 2 * values, false, bench.Rotate(bytes, () =>
        {
            BatchTables tables = Tables(bench, format, k).Tables;
            var p = new ClvqUpdateParameters
            {
                Rows = bench.Rows(format),
                Classes = tables.All,
                TileBegin = tables.Means.Begin,
                Labels = bench.Labels((long)s.Classes * s.Rows, k),
                StepBegin = bench.Zeros(8L * s.Classes),
                Centroids = bench.Normal((long)s.Classes * k * stride, RowFormat.F32),
                Counts = bench.Zeros(8L * s.Classes * k),
                CountsAfter = bench.Zeros(8L * s.Classes * k),
                RowStride = stride,
                CentroidStride = stride,
                Dimension = s.Dimension,
                ClassCount = s.Classes,
                Prior = 1,
            };
            return stream => kernel.Launch(p, tables.Means.Total, stream);
        }));
    }

    private static PreparedKernel Parts(BenchContext bench, RowFormat format)
    {
        (BenchSizes s, int stride, _) = Of(bench);
        Kernel kernel = bench.Catalog.Get($"ddoq_centroid_parts_{format.Suffix}", KernelShapes.NormsThreads, 0);
        int k = Math.Min(Centroids, s.MostCentroids);
        long centroids = (long)s.Classes * k;
        double bytes = centroids * ((s.Dimension * (4.0 + (2 * format.Bytes))) + 4);
        return new(Shape(bench, k), bytes, 4.0 * centroids * s.Dimension, false, bench.Rotate(bytes, () =>
        {
            var p = new CentroidPartsParameters
            {
                Centroids = bench.Normal(centroids * stride, RowFormat.F32),
                Parts = bench.Zeros(2 * centroids * stride * format.Bytes),
                Norms = bench.Zeros(4 * centroids),
                CentroidStride = stride,
                PartRowStride = stride,
                PartStride = centroids * stride,
                CentroidCount = centroids,
                Dimension = s.Dimension,
                PartCount = 2,
            };
            return stream => kernel.Launch(p, (centroids + KernelShapes.CenterRows - 1) / KernelShapes.CenterRows, stream);
        }));
    }

    private static PreparedKernel Assign(BenchContext bench, RowFormat format, TileShape shape, int centroids, string symbol)
    {
        (BenchSizes s, int stride, double values) = Of(bench);
        int parts = format == RowFormat.F32 ? 1 : 2;
        Kernel kernel = bench.Catalog.Get(symbol, shape.Threads, shape.SharedBytes(parts));
        int k = Math.Min(centroids, s.MostCentroids);
        long count = (long)s.Classes * k;
        double bytes = (values * format.Bytes) + (4.0 * s.Classes * s.Rows) + ((double)count * s.Dimension * format.Bytes * parts);
        return new(Shape(bench, k), bytes, 2.0 * parts * k * values, parts == 2, bench.Rotate(bytes, () =>
        {
            BatchTables tables = bench.Classes(k, format, KernelShapes.Gram, shape).Tables;
            var p = new AssignParameters
            {
                Rows = bench.Rows(format),
                Centroids = bench.Normal(parts * count * stride, format),
                CentroidNorms = bench.Normal(count, RowFormat.F32),
                Classes = tables.All,
                TileBegin = tables.Assign.Begin,
                Labels = bench.Zeros(4L * s.Classes * s.Rows),
                RowStride = stride,
                CentroidStride = stride,
                CentroidPartStride = count * stride,
                Dimension = s.Dimension,
                ClassCount = s.Classes,
                Parts = parts,
            };
            return stream => kernel.Launch(p, tables.Assign.Total, stream);
        }));
    }

    private static (BenchSizes Sizes, int Stride, double Values) Of(BenchContext bench) =>
        (bench.Sizes, RowFormat.StrideOf(bench.Sizes.Dimension), (double)bench.Sizes.Classes * bench.Sizes.Rows * bench.Sizes.Dimension);

    private static (BatchClass[] Classes, BatchTables Tables) Tables(BenchContext bench, RowFormat format, int centroids) =>
        bench.Classes(centroids, format, KernelShapes.Gram, KernelShapes.Assign(centroids));

    private static string Shape(BenchContext bench) => $"C={bench.Sizes.Classes} N={bench.Sizes.Rows} D={bench.Sizes.Dimension}";

    private static string Shape(BenchContext bench, int centroids) => $"{Shape(bench)} K={centroids}";
}
