using System.Runtime.InteropServices;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.CApi.Exports;

/// <summary>Functions over rows that need no handle: assignment and loss.</summary>
internal static unsafe class RowExports
{
    [UnmanagedCallersOnly(EntryPoint = "ddoq_predict")]
    public static Status Predict(float* centroids, int centroidCount, int dimension, byte* rows, int type, long rowCount, int* labels, double* distances) => Guard.Run(() =>
    {
        Guard.InRange(centroidCount, 1, int.MaxValue, "centroid_count");
        Guard.InRange(dimension, 1, int.MaxValue / (long)centroidCount, "dimension");
        Guard.InRange(type, 0, 2, "type");
        Guard.InRange(rowCount, 0, Array.MaxLength, "row_count");
        Guard.Require(centroids, "centroids");
        if (rowCount == 0)
            return;
        Guard.Require(rows, "rows");
        Guard.Require(labels, "labels");
        var values = new ReadOnlySpan<float>(centroids, centroidCount * dimension);
        int bad = FiniteScan.IndexOfUnusable(MemoryMarshal.AsBytes(values), LatentElementType.F32);
        if (bad >= 0)
            throw new DdoqException($"Centroid {bad / dimension}: value {bad % dimension} is {values[bad]}; centroids must be finite, and at most 1e14 in size.");
        NearestCentroids.Assign(
            values, dimension, rows, (LatentElementType)type, new Span<int>(labels, (int)rowCount), distances == null ? [] : new Span<double>(distances, (int)rowCount));
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_weighted_cross_entropy")]
    public static Status Loss(
        float* logits, float* targets, float* weights, long rowCount, int classCount, float temperature, int subtractEntropy, float gradientScale, float* losses, float* gradients) => Guard.Run(() =>
    {
        Guard.InRange(rowCount, 0, long.MaxValue / sizeof(float), "row_count");
        Guard.InRange(classCount, 1, int.MaxValue, "class_count");
        if (!(temperature > 0) || !float.IsFinite(temperature))
            throw new UsageException($"temperature is {temperature}; allowed: a finite number above 0.");
        if (rowCount == 0)
            return;
        Guard.Require(logits, "logits");
        Guard.Require(targets, "targets");
        Guard.Require(losses, "losses");
        Guard.Require(gradients, "gradients");
        int step = int.MaxValue / classCount; // a span holds so many rows
        for (long first = 0; first < rowCount; first += step)
        {
            int rows = (int)Math.Min(step, rowCount - first), length = rows * classCount;
            long at = first * classCount;
            WeightedCrossEntropy.Compute(
                new ReadOnlySpan<float>(logits + at, length),
                new ReadOnlySpan<float>(targets + at, length),
                weights == null ? [] : new ReadOnlySpan<float>(weights + first, rows),
                classCount,
                temperature,
                subtractEntropy != 0,
                gradientScale,
                new Span<float>(losses + first, rows),
                new Span<float>(gradients + at, length));
        }
    });
}
