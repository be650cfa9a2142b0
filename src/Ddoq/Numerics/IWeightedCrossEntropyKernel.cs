namespace Ddoq.Numerics;

/// <summary>Computes weighted cross-entropies and their gradients on one kind of device.</summary>
/// <remarks>The formulas and shapes are those of <see cref="WeightedCrossEntropy"/>.</remarks>
public interface IWeightedCrossEntropyKernel
{
    /// <summary>Computes a batch; the work may still run on the device's default stream when the call returns.</summary>
    /// <param name="logits">Address of B x C fp32 logits.</param>
    /// <param name="targets">Address of B x C fp32 target probabilities.</param>
    /// <param name="weights">Address of B fp32 weights.</param>
    /// <param name="rowCount">B.</param>
    /// <param name="classCount">C.</param>
    /// <param name="temperature">T.</param>
    /// <param name="subtractEntropy">The Kullback-Leibler divergence instead of the cross-entropy.</param>
    /// <param name="gradientScale">Multiplies the gradients.</param>
    /// <param name="losses">Address of B fp32 losses, written.</param>
    /// <param name="gradients">Address of B x C fp32 gradients, written.</param>
    /// <exception cref="DdoqException">The device failed.</exception>
    void Compute(
        nint logits, nint targets, nint weights, int rowCount, int classCount, float temperature, bool subtractEntropy, float gradientScale, nint losses, nint gradients);
}
