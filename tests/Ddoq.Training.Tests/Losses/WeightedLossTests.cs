using Ddoq.Training.Losses;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests.Losses;

/// <summary>The losses against torch's own functions and autograd in fp64.</summary>
public sealed class WeightedLossTests
{
    private const double Temperature = 3;

    [TestCase(1, 2, 1.0)]
    [TestCase(4, 7, 3.0)]
    [TestCase(10, 10, 20.0)]
    [TestCase(33, 1000, 20.0)]
    public void KullbackLeibler_LossAndGradient_AreTorchs(int rows, int classes, double temperature)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = Tensors.Gaussian(1, rows, classes) * 4, teacher = Tensors.Gaussian(2, rows, classes) * 4, weights = Tensors.Uniform(3, rows);
        Tensor targets = WeightedLoss.SoftTargets(teacher, temperature);

        Tensor found = logits.clone().requires_grad_();
        Tensor loss = WeightedLoss.KullbackLeibler(found, targets, weights, temperature, rows + 3);
        loss.backward();

        Tensor expected = logits.to(ScalarType.Float64).requires_grad_();
        Tensor logProbabilities = nn.functional.log_softmax(expected / temperature, 1);
        Tensor oracle = (nn.functional.kl_div(logProbabilities, targets.to(ScalarType.Float64), log_target: false, nn.Reduction.None).sum(1) * weights.to(ScalarType.Float64)).sum() / (rows + 3);
        oracle.backward();
        AssertSame(loss, oracle, found, expected);
    }

    [TestCase(false)]
    [TestCase(true)]
    public void CrossEntropy_LossAndGradient_AreTorchs(bool mixed)
    {
        using DisposeScope scope = NewDisposeScope();
        const int Rows = 9, Classes = 5;
        Tensor logits = Tensors.Gaussian(4, Rows, Classes) * 6, weights = Tensors.Uniform(5, Rows);
        Tensor labels = tensor(Enumerable.Range(0, Rows).Select(i => (long)(i % Classes)).ToArray());
        Tensor partners = tensor(Enumerable.Range(0, Rows).Select(i => (long)(i * 2 % Classes)).ToArray());
        double lambda = mixed ? 0.3 : 1;

        Tensor found = logits.clone().requires_grad_();
        Tensor loss = WeightedLoss.CrossEntropy(found, labels, mixed ? partners : null, lambda, weights, Rows);
        loss.backward();

        Tensor expected = logits.to(ScalarType.Float64).requires_grad_();
        Tensor losses = nn.functional.cross_entropy(expected, labels, reduction: nn.Reduction.None) * lambda;
        if (mixed)
            losses += nn.functional.cross_entropy(expected, partners, reduction: nn.Reduction.None) * (1 - lambda);
        Tensor oracle = (losses * weights.to(ScalarType.Float64)).sum() / Rows;
        oracle.backward();
        AssertSame(loss, oracle, found, expected);
    }

    [Test]
    public void KullbackLeibler_SameLogits_IsZero_AndTargetsOfZeroAreFinite()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = Tensors.Gaussian(3, 2, 5), weights = ones(2);
        Tensor sure = tensor(new[] { 0f, 1f, 0f, 0f, 0f, 0f, 0f, 0f, 0f, 1f }, [2, 5]);

        Assert.That(WeightedLoss.KullbackLeibler(logits, WeightedLoss.SoftTargets(logits, 20), weights, 20, 2).item<float>(), Is.Zero.Within(1e-7));
        Assert.That(WeightedLoss.KullbackLeibler(logits, sure, weights, 20, 2).item<float>(), Is.InRange(0f, 10f));
        Assert.That(WeightedLoss.KullbackLeibler(logits * 1e30, sure, weights, 20, 2).item<float>(), Is.GreaterThan(1e25f).And.LessThan(float.PositiveInfinity), "large logits do not overflow");
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(5)]
    public void Loss_InParts_AddsUpToTheWholeBatchsGradient(int partSize)
    {
        using DisposeScope scope = NewDisposeScope();
        const int Count = 8;
        Tensor inputs = Tensors.Gaussian(6, Count, 4), targets = WeightedLoss.SoftTargets(Tensors.Gaussian(9, Count, 3), Temperature);
        Tensor weights = Tensors.Uniform(7, Count);
        Tensor whole = Tensors.Gaussian(8, 4, 3).requires_grad_(), parts = Tensors.Gaussian(8, 4, 3).requires_grad_();

        WeightedLoss.KullbackLeibler(inputs.mm(whole), targets, weights, Temperature, Count).backward();
        for (int first = 0; first < Count; first += partSize)
        {
            int size = Math.Min(partSize, Count - first);
            WeightedLoss.KullbackLeibler(
                inputs.narrow(0, first, size).mm(parts), targets.narrow(0, first, size), weights.narrow(0, first, size), Temperature, Count).backward();
        }

        Assert.That(Tensors.Values(parts.grad!), Is.EqualTo(Tensors.Values(whole.grad!)).Within(1e-6));
    }

    // fp32 against fp64: errors grow with the size of the terms, which are at most about 30 here.
    private static void AssertSame(Tensor loss, Tensor oracle, Tensor found, Tensor expected)
    {
        double reference = oracle.item<double>();
        Assert.That(loss.item<float>(), Is.EqualTo(reference).Within(1e-5 + (1e-5 * Math.Abs(reference))));
        double[] gradient = Tensors.Doubles(expected.grad!);
        Assert.That(Tensors.Values(found.grad!), Is.EqualTo(gradient).Within(2e-6 * gradient.Max(Math.Abs)));
    }
}
