using System.Globalization;
using Ddoq.Cuda;
using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Quantization;
using Ddoq.Numerics;

namespace Ddoq.Bench.Device;

/// <summary>ddoq_clvq_update_* against fp64: one batch of one class, with both step rules and rows that are passed over.</summary>
internal static class ClvqUpdateCheck
{
    private const int Centroids = 4;
    private const int RowCount = 37;
    private const double Offset = 10;
    private const long StepsBefore = 5;

    public static void Run(CudaDevice device, CaseResults results, bool quick)
    {
        using var arrays = new DeviceArrays(device);
        foreach (RowFormat format in new[] { RowFormat.F16, RowFormat.BF16, RowFormat.F32 })
        {
            foreach (int dimension in quick ? [9] : new[] { 1, 9, 64, 2049 })
            {
                foreach (double scale in new[] { 0.0, 2.0 })
                {
                    results.Run(
                        string.Create(CultureInfo.InvariantCulture, $"clvq_update {format.Suffix} N={RowCount} D={dimension} K={Centroids} scale={scale}"),
                        () => CaseResults.Verdict.Of(Check(arrays, format, dimension, scale)));
                    arrays.Clear();
                }
            }
        }
    }

    private static string? Check(DeviceArrays arrays, RowFormat format, int dimension, double scale)
    {
        int stride = RowFormat.StrideOf(dimension);
        var random = new CounterRandom(21, CounterRandom.Stream((uint)dimension, 0));
        var rows = new byte[RowCount * stride * format.Bytes];
        for (int i = 0; i < RowCount * stride; i++)
            format.Write((float)random.NextGaussian(), rows.AsSpan(i * format.Bytes, format.Bytes));
        var centroids = new float[Centroids * stride];
        random.FillGaussian(centroids);
        int[] labels = new int[RowCount];
        for (int i = 0; i < RowCount; i++)
            labels[i] = random.NextInt32(Centroids) - (i % 9 == 4 ? Centroids : 0);
        long[] counts = [0, 3, 1, 8];
        var updated = arrays.Upload<float>(centroids);
        var after = arrays.Upload<long>(new long[Centroids]);
        int chunks = KernelShapes.Ceiling(dimension, KernelShapes.ChunkColumns);
        var p = new ClvqUpdateParameters
        {
            Rows = arrays.Upload<byte>(rows).Address,
            Classes = arrays.Upload<ClassRange>([new ClassRange { RowCount = RowCount, CentroidCount = Centroids }]).Address,
            TileBegin = arrays.Upload<int>([0, Centroids * chunks]).Address,
            Labels = arrays.Upload<int>(labels).Address,
            StepBegin = arrays.Upload<long>([StepsBefore]).Address,
            Centroids = updated.Address,
            Counts = arrays.Upload<long>(counts).Address,
            CountsAfter = after.Address,
            Scale = scale,
            Offset = Offset,
            RowStride = stride,
            CentroidStride = stride,
            Dimension = dimension,
            ClassCount = 1,
            Prior = 1,
        };
        arrays.Catalog.Get($"ddoq_clvq_update_{format.Suffix}", KernelShapes.CentroidsThreads, KernelShapes.CentroidsSharedBytes)
            .Launch(p, Centroids * chunks, arrays.Stream);
        float[] found = arrays.Download(updated, centroids.Length);
        long[] foundCounts = arrays.Download(after, Centroids);
        for (int k = 0; k < Centroids; k++)
        {
            long won = labels.LongCount(label => label == k);
            if (foundCounts[k] != counts[k] + won)
                return string.Create(CultureInfo.InvariantCulture, $"count of centroid {k} is {foundCounts[k]}, exact {counts[k] + won}");
            for (int j = 0; j < dimension; j++)
            {
                double exact = Exact(format, rows, stride, labels, centroids[(k * stride) + j], counts[k], k, j, scale);
                if (!(Math.Abs(found[(k * stride) + j] - exact) <= 1e-5))
                    return string.Create(CultureInfo.InvariantCulture, $"value {j} of centroid {k} is {found[(k * stride) + j]:R}, exact {exact:R}");
            }
        }

        return null;
    }

    private static double Exact(RowFormat format, byte[] rows, int stride, int[] labels, double value, long count, int centroid, int column, double scale)
    {
        for (int i = 0; i < RowCount; i++)
        {
            if (labels[i] != centroid)
                continue;
            count++;
            double rate = scale == 0 ? 1.0 / (count + 1) : scale / (Offset + StepsBefore + i + 1);
            value += rate * (format.Value(rows, (i * stride) + column) - value);
        }

        return value;
    }
}
