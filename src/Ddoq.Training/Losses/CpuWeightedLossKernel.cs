using Ddoq.Numerics;

namespace Ddoq.Training.Losses;

/// <summary>The kernel for tensors in main memory.</summary>
internal sealed unsafe class CpuWeightedLossKernel : IWeightedCrossEntropyKernel
{
    /// <inheritdoc/>
    public void Compute(
        nint logits, nint targets, nint weights, int rowCount, int classCount, float temperature, bool subtractEntropy, float gradientScale, nint losses, nint gradients)
    {
        int length = checked(rowCount * classCount);
        WeightedCrossEntropy.Compute(
            new ReadOnlySpan<float>((void*)logits, length),
            new ReadOnlySpan<float>((void*)targets, length),
            new ReadOnlySpan<float>((void*)weights, rowCount),
            classCount,
            temperature,
            subtractEntropy,
            gradientScale,
            new Span<float>((void*)losses, rowCount),
            new Span<float>((void*)gradients, length));
    }
}
