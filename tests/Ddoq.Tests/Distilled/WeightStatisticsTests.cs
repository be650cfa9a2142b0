using Ddoq.Distilled;

namespace Ddoq.Tests.Distilled;

public class WeightStatisticsTests
{
    [TestCase(new double[] { 3, 3, 3, 3 }, 4)]
    [TestCase(new double[] { 5, 0, 0 }, 1)]
    [TestCase(new double[] { 1, 2, 3 }, 36.0 / 14)]
    [TestCase(new double[] { 0, 0 }, 0)]
    public void EffectiveSampleSize_IsKishs_AndDoesNotDependOnScale(double[] weights, double expected)
    {
        Assert.That(WeightStatistics.Of(weights).EffectiveSampleSize, Is.EqualTo(expected).Within(1e-12));
        Assert.That(WeightStatistics.Of([.. weights.Select(w => 1000 * w)]).EffectiveSampleSize, Is.EqualTo(expected).Within(1e-12));
    }

    [Test]
    public void PerClass_SummarisesEqualUnequalAndAbsentClasses()
    {
        IReadOnlyList<WeightStatistics> statistics = WeightStatistics.PerClass([2, 0, 2, 3, 2, 1], [0, 1, 0, 1, 0, 1], classCount: 3);
        Assert.That(statistics, Is.EqualTo(new WeightStatistics[] { new(3, 2, 2, 2, 3), new(3, 0, 3, 4.0 / 3, 1.6), default }));
    }
}
