using System.Numerics.Tensors;

namespace Ddoq.Numerics;

/// <summary>Cross-entropy against soft targets with a weight per row, and its gradient, in one pass: the CPU twin of the GPU kernel <c>weighted_ce</c>.</summary>
/// <remarks>
/// With <c>x = z / T</c> and <c>S = sum p</c>: <c>loss = w (S log sum e^x - sum p x)</c>, less the entropy
/// <c>-sum p log p</c> when the Kullback-Leibler divergence is asked for, and
/// <c>dz = w g / T (S softmax(x) - p)</c>. The weighted loss is the objective of the last step of DDOQ's Algorithm 1. Logits
/// are taken relative to their maximum, so large ones neither overflow nor lose digits. Rows are independent; the order of
/// additions depends on the shapes alone. Nothing is allocated.
/// </remarks>
public static class WeightedCrossEntropy
{
    /// <summary>Losses and gradients of a batch.</summary>
    /// <param name="logits">z, B x C, row-major.</param>
    /// <param name="targets">p, B x C: probabilities at the same temperature; rows need not sum to 1.</param>
    /// <param name="weights">w, B values; empty for 1.</param>
    /// <param name="classCount">C, positive.</param>
    /// <param name="temperature">T, above 0.</param>
    /// <param name="subtractEntropy">Gives the Kullback-Leibler divergence instead of the cross-entropy; the gradient is the same.</param>
    /// <param name="gradientScale">g, for example 1 / B.</param>
    /// <param name="losses">B weighted losses, written.</param>
    /// <param name="gradients">B x C, written; may be the same memory as <paramref name="logits"/>.</param>
    /// <exception cref="ArgumentException">The lengths do not agree.</exception>
    public static void Compute(
        ReadOnlySpan<float> logits,
        ReadOnlySpan<float> targets,
        ReadOnlySpan<float> weights,
        int classCount,
        float temperature,
        bool subtractEntropy,
        float gradientScale,
        Span<float> losses,
        Span<float> gradients)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(classCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(temperature);
        int rows = losses.Length;
        if (logits.Length != (long)rows * classCount || targets.Length != logits.Length || gradients.Length != logits.Length)
            throw new ArgumentException($"{rows} losses of {classCount} classes need {(long)rows * classCount} logits, targets and gradients; given are {logits.Length}, {targets.Length} and {gradients.Length}");
        if (!weights.IsEmpty && weights.Length != rows)
            throw new ArgumentException($"{rows} rows but {weights.Length} weights", nameof(weights));
        for (int row = 0; row < rows; row++)
        {
            int first = row * classCount;
            float weight = weights.IsEmpty ? 1 : weights[row];
            losses[row] = weight * Row(
                logits.Slice(first, classCount), targets.Slice(first, classCount), 1 / temperature, subtractEntropy, weight * gradientScale, gradients.Slice(first, classCount));
        }
    }

    private static float Row(ReadOnlySpan<float> logits, ReadOnlySpan<float> targets, float inverse, bool subtractEntropy, float scale, Span<float> gradient)
    {
        // x = z / T - its maximum; then softmax(x) in its place.
        TensorPrimitives.Multiply(logits, inverse, gradient);
        TensorPrimitives.Subtract(gradient, TensorPrimitives.Max<float>(gradient), gradient);
        double products = 0, mass = 0;
        for (int i = 0; i < targets.Length; i++)
        {
            float p = targets[i];
            mass += p;

            // 0 times the -infinity of a masked class is 0. The entropy is taken off term by term: the divergence may be much
            // smaller than either of its parts.
            if (p > 0)
                products += p * (double)(subtractEntropy ? gradient[i] - MathF.Log(p) : gradient[i]);
        }

        TensorPrimitives.Exp(gradient, gradient);
        float exponentials = TensorPrimitives.Sum<float>(gradient);
        float loss = (float)((mass * Math.Log(exponentials)) - products);
        TensorPrimitives.Multiply(gradient, (float)mass / exponentials, gradient);
        TensorPrimitives.Subtract(gradient, targets, gradient);
        TensorPrimitives.Multiply(gradient, scale * inverse, gradient);
        return loss;
    }
}
