using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.autograd;

namespace Ddoq.Training.Losses;

/// <summary>The weighted loss as one node of torch's graph: forward computes the gradient along with the loss, backward hands it on.</summary>
internal sealed class WeightedLossFunction : SingleTensorFunction<WeightedLossFunction>
{
    /// <inheritdoc/>
    public override string Name => nameof(WeightedLossFunction);

    /// <summary>The scalar sum of weighted losses over <paramref name="batchSize"/>.</summary>
    public static Tensor Apply(Tensor logits, Tensor targets, Tensor weights, double temperature, bool subtractEntropy, int batchSize) =>
        apply(logits, targets, weights, temperature, subtractEntropy, batchSize);

    /// <inheritdoc/>
    public override Tensor forward(AutogradContext ctx, params object[] vars)
    {
        var logits = (Tensor)vars[0];
        var targets = (Tensor)vars[1];
        var weights = (Tensor)vars[2];
        double temperature = (double)vars[3];
        bool subtractEntropy = (bool)vars[4];
        int batchSize = (int)vars[5];
        using DisposeScope scope = NewDisposeScope();
        Tensor z = logits.detach().contiguous(), p = targets.detach().contiguous(), w = weights.detach().contiguous();
        Tensor losses = empty(z.shape[0], dtype: ScalarType.Float32, device: z.device), gradients = empty_like(z);
        WeightedLoss.KernelFor(z.device_type).Compute(
            TensorMemory.AddressOf(z),
            TensorMemory.AddressOf(p),
            TensorMemory.AddressOf(w),
            (int)z.shape[0],
            (int)z.shape[1],
            (float)temperature,
            subtractEntropy,
            1f / batchSize,
            TensorMemory.AddressOf(losses),
            TensorMemory.AddressOf(gradients));
        ctx.save_for_backward([gradients.MoveToOuterDisposeScope()]);
        return losses.sum().Divide(batchSize).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(AutogradContext ctx, Tensor grad_output)
    {
        Tensor gradients = ctx.get_saved_variables()[0];

        // One entry per argument of forward; only the logits have a gradient.
        return [gradients * grad_output, null!, null!, null!, null!, null!];
    }
}
