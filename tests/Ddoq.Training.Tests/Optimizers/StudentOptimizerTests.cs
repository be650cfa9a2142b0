using Ddoq.Training.Optimizers;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests.Optimizers;

/// <summary>The optimisers agree with the binding's own, which are other code.</summary>
public sealed class StudentOptimizerTests
{
    [TestCase(0.0)]
    [TestCase(0.1)]
    public void AdamW_TenSteps_IsTheReference(double decay)
    {
        using DisposeScope scope = NewDisposeScope();
        Parameter ours = Start(), reference = Start();
        using var optimizer = new AdamWOptimizer([("weight", ours)], decay, decaysOnlyMatrices: false);
        using var expected = optim.AdamW([reference], lr: 0.01, weight_decay: decay);

        Assert.That(Descend(ours, rate => optimizer.Step(rate)), Is.EqualTo(Descend(reference, _ => expected.step())).Within(1e-6));
    }

    [Test]
    public void Sgd_TenSteps_IsTheReference()
    {
        using DisposeScope scope = NewDisposeScope();
        Parameter ours = Start(), reference = Start();
        using var optimizer = new SgdOptimizer([("weight", ours)], momentum: 0.9, weightDecay: 0.05);
        using var expected = optim.SGD([reference], 0.01, momentum: 0.9, weight_decay: 0.05);

        Assert.That(Descend(ours, rate => optimizer.Step(rate)), Is.EqualTo(Descend(reference, _ => expected.step())).Within(1e-6));
    }

    [TestCase(true, 1f)]
    [TestCase(false, 0.95f)]
    public void AdamW_DecayOfMatricesOnly_LeavesVectorsAlone(bool decaysOnlyMatrices, float expectedVector)
    {
        using DisposeScope scope = NewDisposeScope();
        var matrix = new Parameter(ones(2, 2));
        var vector = new Parameter(ones(2));
        using var optimizer = new AdamWOptimizer([("m", matrix), ("v", vector)], weightDecay: 0.5, decaysOnlyMatrices);
        (matrix.sum() * 0 + vector.sum() * 0).backward();

        optimizer.Step(0.1);

        Assert.That(Tensors.Values(matrix), Is.All.EqualTo(0.95f).Within(1e-6));
        Assert.That(Tensors.Values(vector), Is.All.EqualTo(expectedVector).Within(1e-6));
    }

    private static Parameter Start() => new(Tensors.Gaussian(1, 3, 4));

    private static float[] Descend(Parameter parameter, Action<double> step)
    {
        for (int i = 0; i < 10; i++)
        {
            parameter.grad?.zero_();
            (parameter.pow(4).sum() + (parameter * Tensors.Gaussian((ulong)i, 3, 4)).sum()).backward();
            step(0.01);
        }

        return Tensors.Values(parameter.detach());
    }
}
