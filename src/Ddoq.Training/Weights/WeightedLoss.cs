using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Weights;

/// <summary>Per-image losses and their weighted sum, the objective of the last step of DDOQ's Algorithm 1.</summary>
/// <remarks>All tensors are fp32 on the CPU; results belong to the caller's dispose scope and carry gradients.</remarks>
public static class WeightedLoss
{
    /// <summary>
    /// KL(q || p) = sum over classes of q (log q - log p) for each image, with p = softmax(logits / T).
    /// </summary>
    /// <param name="logits">[B, C] student logits.</param>
    /// <param name="targets">[B, C] target probabilities q, already at temperature T; see <see cref="SoftTargets"/>.</param>
    /// <param name="temperature">T, above 0.</param>
    /// <returns>[B]. There is no factor T^2: as in the released code, gradients scale with 1/T.</returns>
    public static Tensor KullbackLeibler(Tensor logits, Tensor targets, double temperature)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logProbabilities = nn.functional.log_softmax(logits / temperature, 1);
        return nn.functional.kl_div(logProbabilities, targets, log_target: false, nn.Reduction.None)
            .sum(1).MoveToOuterDisposeScope();
    }

    /// <summary>-log p(label) for each image, with p = softmax(logits).</summary>
    /// <param name="logits">[B, C] student logits.</param>
    /// <param name="labels">[B] class indices, int64.</param>
    /// <returns>[B].</returns>
    public static Tensor CrossEntropy(Tensor logits, Tensor labels) =>
        nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.None);

    /// <summary>softmax(teacher logits / T), [B, C].</summary>
    public static Tensor SoftTargets(Tensor teacherLogits, double temperature)
    {
        using DisposeScope scope = NewDisposeScope();
        return nn.functional.softmax(teacherLogits / temperature, 1).MoveToOuterDisposeScope();
    }

    /// <summary>Sum of w l over the images at hand, divided by the size of the whole batch.</summary>
    /// <param name="losses">[b] per-image losses.</param>
    /// <param name="weights">[b] weights.</param>
    /// <param name="batchSize">B, at least b. Summed over the parts of a batch, the results are the batch's loss, and so are
    /// their gradients: that is how gradient accumulation stays exact.</param>
    /// <returns>A scalar.</returns>
    public static Tensor Reduce(Tensor losses, Tensor weights, int batchSize)
    {
        using DisposeScope scope = NewDisposeScope();
        return (losses * weights).sum().div(batchSize).MoveToOuterDisposeScope();
    }
}
