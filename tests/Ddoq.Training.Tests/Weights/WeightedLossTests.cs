using Ddoq.Training.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests.Weights;

public sealed class WeightedLossTests
{
    private const double Temperature = 3;

    [Test]
    public void KullbackLeibler_MatchesTheFormulaInDoublePrecision()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor student = Tensors.Gaussian(1, 4, 7).to(ScalarType.Float64), teacher = Tensors.Gaussian(2, 4, 7).to(ScalarType.Float64);

        double[] found = Tensors.Doubles(WeightedLoss.KullbackLeibler(student, WeightedLoss.SoftTargets(teacher, Temperature), Temperature));

        double[] p = Softmax(Tensors.Doubles(student), 7, Temperature), q = Softmax(Tensors.Doubles(teacher), 7, Temperature);
        for (int i = 0; i < 4; i++)
        {
            double expected = Enumerable.Range(i * 7, 7).Sum(j => q[j] * (Math.Log(q[j]) - Math.Log(p[j])));
            Assert.That(found[i], Is.EqualTo(expected).Within(1e-12));
        }
    }

    [Test]
    public void KullbackLeibler_SameLogits_IsZero_AndTargetsOfZeroAreFinite()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = Tensors.Gaussian(3, 2, 5);
        Tensor sure = tensor(new[] { 0f, 1f, 0f, 0f, 0f, 0f, 0f, 0f, 0f, 1f }, [2, 5]);

        Assert.That(Tensors.Values(WeightedLoss.KullbackLeibler(logits, WeightedLoss.SoftTargets(logits, 20), 20)), Is.All.EqualTo(0f).Within(1e-7));
        Assert.That(Tensors.Values(WeightedLoss.KullbackLeibler(logits, sure, 20)), Is.All.GreaterThan(0f).And.All.LessThan(10f));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Gradient_IsTheWeightedSumOfFiniteDifferences(bool soft)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = Tensors.Gaussian(4, 3, 5).to(ScalarType.Float64);
        Tensor targets = WeightedLoss.SoftTargets(Tensors.Gaussian(5, 3, 5).to(ScalarType.Float64), Temperature);
        Tensor labels = tensor(new long[] { 4, 0, 2 });
        double[] weights = [0.25, 0, 3];
        Tensor Losses(Tensor at) => soft ? WeightedLoss.KullbackLeibler(at, targets, Temperature) : WeightedLoss.CrossEntropy(at, labels);

        Tensor variable = logits.clone().requires_grad_();
        WeightedLoss.Reduce(Losses(variable), tensor(weights), 3).backward();
        double[] gradient = Tensors.Doubles(variable.grad!);

        const double Step = 1e-5;
        double[] values = Tensors.Doubles(logits);
        double Objective(double[] at) =>
            Tensors.Doubles(Losses(tensor(at, [3, 5]))).Zip(weights, (loss, weight) => loss * weight).Sum() / 3;
        for (int i = 0; i < values.Length; i++)
        {
            double[] above = [.. values], below = [.. values];
            above[i] += Step;
            below[i] -= Step;
            double expected = (Objective(above) - Objective(below)) / (2 * Step);
            Assert.That(gradient[i], Is.EqualTo(expected).Within(1e-9), $"logit {i}");
        }
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(5)]
    public void Reduce_InParts_AddsUpToTheWholeBatchsLossAndGradient(int partSize)
    {
        using DisposeScope scope = NewDisposeScope();
        const int Count = 8;
        Tensor inputs = Tensors.Gaussian(6, Count, 4), labels = tensor(Enumerable.Range(0, Count).Select(i => (long)(i % 3)).ToArray());
        Tensor weights = Tensors.Uniform(7, Count);
        Tensor whole = Tensors.Gaussian(8, 4, 3).requires_grad_(), parts = Tensors.Gaussian(8, 4, 3).requires_grad_();

        WeightedLoss.Reduce(WeightedLoss.CrossEntropy(inputs.mm(whole), labels), weights, Count).backward();
        for (int first = 0; first < Count; first += partSize)
        {
            int size = Math.Min(partSize, Count - first);
            Tensor losses = WeightedLoss.CrossEntropy(inputs.narrow(0, first, size).mm(parts), labels.narrow(0, first, size));
            WeightedLoss.Reduce(losses, weights.narrow(0, first, size), Count).backward();
        }

        Assert.That(Tensors.Values(parts.grad!), Is.EqualTo(Tensors.Values(whole.grad!)).Within(1e-6));
    }

    private static double[] Softmax(double[] logits, int classes, double temperature)
    {
        double[] result = new double[logits.Length];
        for (int row = 0; row < logits.Length; row += classes)
        {
            double sum = Enumerable.Range(row, classes).Sum(i => Math.Exp(logits[i] / temperature));
            for (int i = row; i < row + classes; i++)
                result[i] = Math.Exp(logits[i] / temperature) / sum;
        }

        return result;
    }
}
