using System.Runtime.InteropServices;
using Ddoq.Numerics;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.autograd;

namespace Ddoq.Training.Losses;

/// <summary>The objective of the last step of DDOQ's Algorithm 1: the sum over a batch of <c>w l / B</c>.</summary>
/// <remarks>
/// fp32, for tensors in main memory. A scalar result belongs to the caller's dispose scope and carries gradients with respect
/// to the logits only. Soft labels take the fused <see cref="WeightedCrossEntropy"/>, hard labels torch's cross-entropy: each
/// was the faster of the two on one thread, forward and backward (at 100 x 10 logits 60 against 107 us for soft labels and 75
/// against 68 for hard ones, at 1,000 x 1,000 8.8 against 11.8 ms and 3.3 against 7.7 ms).
/// </remarks>
public static class WeightedLoss
{
    /// <summary><c>sum w KL(q || softmax(logits / T)) / B</c>.</summary>
    /// <param name="logits">[b, C] student logits.</param>
    /// <param name="targets">[b, C] target probabilities q, already at temperature T; see <see cref="SoftTargets"/>.</param>
    /// <param name="weights">[b] weights.</param>
    /// <param name="temperature">T, above 0. There is no factor T^2: as in the released code, gradients scale with 1/T.</param>
    /// <param name="batchSize">B, at least b. Summed over the parts of a batch, the results are the batch's loss, and so are
    /// their gradients: that is how gradient accumulation stays exact.</param>
    /// <returns>A scalar.</returns>
    public static Tensor KullbackLeibler(Tensor logits, Tensor targets, Tensor weights, double temperature, int batchSize) =>
        Divergence.Apply(logits, targets, weights, temperature, batchSize);

    /// <summary><c>-sum w log p(label) / B</c> with p = softmax(logits); mixed images count for both labels.</summary>
    /// <param name="logits">[b, C] student logits.</param>
    /// <param name="labels">[b] class indices, int64.</param>
    /// <param name="partners">[b] labels of the images mixed in, or null.</param>
    /// <param name="lambda">The share of <paramref name="labels"/>; the rest is the partners'.</param>
    /// <param name="weights">[b] weights.</param>
    /// <param name="batchSize">B, as for <see cref="KullbackLeibler"/>.</param>
    /// <returns>A scalar.</returns>
    public static Tensor CrossEntropy(Tensor logits, Tensor labels, Tensor? partners, double lambda, Tensor weights, int batchSize)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor losses = nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.None);
        if (partners is not null)
            losses = losses.Multiply(lambda).Add(nn.functional.cross_entropy(logits, partners, reduction: nn.Reduction.None).Multiply(1 - lambda));
        return losses.mul(weights).sum().Divide(batchSize).MoveToOuterDisposeScope();
    }

    /// <summary>softmax(teacher logits / T), [B, C].</summary>
    public static Tensor SoftTargets(Tensor teacherLogits, double temperature)
    {
        using DisposeScope scope = NewDisposeScope();
        return nn.functional.softmax(teacherLogits.Divide(temperature), 1).MoveToOuterDisposeScope();
    }

    /// <summary>One node of torch's graph: forward computes the gradient along with the loss, backward hands it on.</summary>
    private sealed class Divergence : SingleTensorFunction<Divergence>
    {
        public override string Name => nameof(Divergence);

        public static Tensor Apply(Tensor logits, Tensor targets, Tensor weights, double temperature, int batchSize) =>
            apply(logits, targets, weights, temperature, batchSize);

        public override Tensor forward(AutogradContext ctx, params object[] vars)
        {
            var temperature = (double)vars[3];
            var batchSize = (int)vars[4];
            using DisposeScope scope = NewDisposeScope();
            Tensor logits = Plain(vars[0]), targets = Plain(vars[1]), weights = Plain(vars[2]);
            Tensor losses = empty(logits.shape[0], dtype: ScalarType.Float32), gradients = empty_like(logits);
            WeightedCrossEntropy.Compute(
                Values(logits),
                Values(targets),
                Values(weights),
                (int)logits.shape[1],
                (float)temperature,
                subtractEntropy: true,
                gradientScale: 1f / batchSize,
                Values(losses),
                Values(gradients));
            ctx.save_for_backward([gradients.MoveToOuterDisposeScope()]);
            return losses.sum().Divide(batchSize).MoveToOuterDisposeScope();
        }

        public override List<Tensor> backward(AutogradContext ctx, Tensor grad_output)
        {
            Tensor gradients = ctx.get_saved_variables()[0];

            // One entry per argument of forward; only the logits have a gradient.
            return [gradients * grad_output, null!, null!, null!, null!];
        }

        private static Tensor Plain(object tensor) => ((Tensor)tensor).detach().contiguous();

        private static Span<float> Values(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);
    }
}
