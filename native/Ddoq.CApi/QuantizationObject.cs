using System.Runtime.InteropServices;
using Ddoq.Quantization;

namespace Ddoq.CApi;

/// <summary>What a ddoq_quantization stands for: a result whose arrays stay in place.</summary>
internal sealed unsafe class QuantizationObject : IDisposable
{
    private readonly GCHandle _centroids, _counts, _labels;

    /// <summary>Pins the arrays of a result.</summary>
    public QuantizationObject(ClassQuantization result)
    {
        Result = result;
        _centroids = GCHandle.Alloc(result.Centroids, GCHandleType.Pinned);
        _counts = GCHandle.Alloc(result.Counts, GCHandleType.Pinned);
        _labels = GCHandle.Alloc(result.Labels, GCHandleType.Pinned);
    }

    public ClassQuantization Result { get; }

    public nint Centroids => Address(_centroids, Result.Centroids.Length);

    public nint Counts => Address(_counts, Result.Counts.Length);

    public nint Labels => Address(_labels, Result.Labels.Length);

    /// <inheritdoc/>
    public void Dispose()
    {
        _centroids.Free();
        _counts.Free();
        _labels.Free();
    }

    private static nint Address(GCHandle array, int length) => length == 0 ? 0 : array.AddrOfPinnedObject();
}
