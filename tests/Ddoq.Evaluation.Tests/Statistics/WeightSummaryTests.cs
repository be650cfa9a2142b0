using Ddoq.Evaluation.Statistics;

namespace Ddoq.Evaluation.Tests.Statistics;

public class WeightSummaryTests
{
    [TestCase(new[] { 0.25, 0.25, 0.25, 0.25 }, 4)]
    [TestCase(new[] { 1.0, 0, 0 }, 1)]
    [TestCase(new[] { 3.0, 1.0 }, 1.6)]
    public void EffectiveSampleSize_IsKishs(double[] weights, double expected) =>
        Assert.That(WeightSummary.From(weights).EffectiveSampleSize, Is.EqualTo(expected).Within(1e-12));

    [Test]
    public void From_KnowsTheRange() =>
        Assert.That(WeightSummary.From([2, 4, 0]), Is.EqualTo(new WeightSummary(3, 0, 4, 2, 36.0 / 20)));

    [Test]
    public void From_RefusesNegativeWeights_AndZeroSums() => Assert.Multiple(() =>
    {
        Assert.That(() => WeightSummary.From([1, -1e-9]), Throws.TypeOf<DdoqException>().With.Message.Contains("Weight 1 of 2"));
        Assert.That(() => WeightSummary.From([0, 0]), Throws.TypeOf<DdoqException>().With.Message.Contains("sum to 0"));
        Assert.That(() => WeightSummary.From([]), Throws.TypeOf<DdoqException>());
    });
}
