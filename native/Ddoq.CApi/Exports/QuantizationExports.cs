using System.Runtime.InteropServices;
using Ddoq.Quantization;

namespace Ddoq.CApi.Exports;

/// <summary>ddoq_quantization_info of native/include/ddoq.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct QuantizationInfoStruct
{
    /// <summary>Bytes of its first version.</summary>
    public const uint FirstSize = 88;

    public uint Size;
    public int ClassIndex;
    public long RowCount;
    public long HeldOutRowCount;
    public int Dimension;
    public int CentroidCount;
    public double Distortion;
    public double HeldOutDistortion;
    public long IterationCount;
    public long MoveCount;
    public int EmptyCells;
    public int Reserved;
    public double EffectiveCells;
    public double Seconds;

    // Since interface 2.
    public double EnergyDistance;
}

/// <summary>ddoq_quantization: the numbers of one class, and its weights.</summary>
internal static unsafe class QuantizationExports
{
    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantization_destroy")]
    public static void Destroy(nint quantization) => Guard.Run(() => Handles.Remove<QuantizationObject>(quantization));

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantization_get_info")]
    public static Status Info(nint quantization, void* info) => Guard.Run(() =>
    {
        ClassQuantization result = Get(quantization).Result;
        var values = new QuantizationInfoStruct
        {
            ClassIndex = result.ClassIndex,
            RowCount = result.RowCount,
            HeldOutRowCount = result.HeldOutRowCount,
            Dimension = result.Dimension,
            CentroidCount = result.CentroidCount,
            Distortion = result.Distortion,
            HeldOutDistortion = result.HeldOutDistortion ?? double.NaN,
            IterationCount = result.IterationCount,
            MoveCount = result.MoveCount,
            EmptyCells = result.EmptyCells,
            EffectiveCells = result.EffectiveCells,
            Seconds = result.Seconds,
            EnergyDistance = result.EnergyDistance ?? double.NaN,
        };
        Versioned.Write(values, QuantizationInfoStruct.FirstSize, info, "info");
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantization_centroids")]
    public static void* Centroids(nint quantization) => Guard.Pointer(() => Get(quantization).Centroids);

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantization_counts")]
    public static void* Counts(nint quantization) => Guard.Pointer(() => Get(quantization).Counts);

    [UnmanagedCallersOnly(EntryPoint = "ddoq_quantization_labels")]
    public static void* Labels(nint quantization) => Guard.Pointer(() => Get(quantization).Labels);

    [UnmanagedCallersOnly(EntryPoint = "ddoq_weights")]
    public static Status Weights(int rule, long* counts, int centroidCount, float* weights) => Guard.Run(() =>
    {
        Guard.InRange(rule, (int)WeightRule.None, (int)WeightRule.Inverse, "rule");
        Guard.InRange(centroidCount, 0, int.MaxValue, "centroid_count");
        if (centroidCount == 0)
            return;
        Guard.Require(counts, "counts");
        Guard.Require(weights, "weights");
        PrototypeWeights.Compute((WeightRule)rule, new ReadOnlySpan<long>(counts, centroidCount), new Span<float>(weights, centroidCount));
    });

    private static QuantizationObject Get(nint quantization) => Handles.Get<QuantizationObject>(quantization, "quantization");
}
