using Ddoq.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Losses;

/// <summary>The objective of the last step of DDOQ's Algorithm 1: the sum over a batch of <c>w l / B</c>.</summary>
/// <remarks>
/// One node of torch's graph: the fused kernel gives losses and gradients together. fp32. A scalar result belongs to the
/// caller's dispose scope and carries gradients with respect to the logits only.
/// </remarks>
public static class WeightedLoss
{
    private static readonly CpuWeightedLossKernel Cpu = new();

    /// <summary>The kernel for CUDA tensors; null until a program with CUDA sets it.</summary>
    public static IWeightedCrossEntropyKernel? CudaKernel { get; set; }

    /// <summary><c>sum w KL(q || softmax(logits / T)) / B</c>.</summary>
    /// <param name="logits">[b, C] student logits.</param>
    /// <param name="targets">[b, C] target probabilities q, already at temperature T; see <see cref="SoftTargets"/>.</param>
    /// <param name="weights">[b] weights.</param>
    /// <param name="temperature">T, above 0. There is no factor T^2: as in the released code, gradients scale with 1/T.</param>
    /// <param name="batchSize">B, at least b. Summed over the parts of a batch, the results are the batch's loss, and so are
    /// their gradients: that is how gradient accumulation stays exact.</param>
    /// <returns>A scalar.</returns>
    /// <exception cref="DdoqException">The tensors lie on a device that has no kernel.</exception>
    public static Tensor KullbackLeibler(Tensor logits, Tensor targets, Tensor weights, double temperature, int batchSize) =>
        WeightedLossFunction.Apply(logits, targets, weights, temperature, subtractEntropy: true, batchSize);

    /// <summary><c>-sum w log p(label) / B</c> with p = softmax(logits); mixed images count for both labels.</summary>
    /// <param name="logits">[b, C] student logits.</param>
    /// <param name="labels">[b] class indices, int64.</param>
    /// <param name="partners">[b] labels of the images mixed in, or null.</param>
    /// <param name="lambda">The share of <paramref name="labels"/>; the rest is the partners'.</param>
    /// <param name="weights">[b] weights.</param>
    /// <param name="batchSize">B, as for <see cref="KullbackLeibler"/>.</param>
    /// <returns>A scalar.</returns>
    /// <exception cref="DdoqException">The tensors lie on a device that has no kernel.</exception>
    public static Tensor CrossEntropy(Tensor logits, Tensor labels, Tensor? partners, double lambda, Tensor weights, int batchSize)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor targets = nn.functional.one_hot(labels, logits.shape[1]).to(ScalarType.Float32);
        if (partners is not null)
            targets = targets.Multiply(lambda).Add(nn.functional.one_hot(partners, logits.shape[1]).Multiply(1 - lambda).to(ScalarType.Float32));
        return WeightedLossFunction.Apply(logits, targets, weights, temperature: 1, subtractEntropy: false, batchSize).MoveToOuterDisposeScope();
    }

    /// <summary>softmax(teacher logits / T), [B, C].</summary>
    public static Tensor SoftTargets(Tensor teacherLogits, double temperature)
    {
        using DisposeScope scope = NewDisposeScope();
        return nn.functional.softmax(teacherLogits.Divide(temperature), 1).MoveToOuterDisposeScope();
    }

    /// <summary>The kernel for a kind of device.</summary>
    internal static IWeightedCrossEntropyKernel KernelFor(DeviceType device) => device switch
    {
        DeviceType.CPU => Cpu,
        DeviceType.CUDA when CudaKernel is { } kernel => kernel,
        _ => throw new DdoqException($"there is no weighted loss for tensors on {device}", "Train on the CPU."),
    };
}
