using Ddoq.Evaluation.Statistics;

namespace Ddoq.Evaluation.Tests.Statistics;

public class RankCorrelationTests
{
    // scipy.stats.spearmanr
    [TestCase(new[] { 1.0, 2, 3, 4 }, new[] { 10.0, 20, 30, 400 }, 1)]
    [TestCase(new[] { 1.0, 2, 3, 4 }, new[] { 4.0, 3, 2, 1 }, -1)]
    [TestCase(new[] { 3.0, 1, 4, 1, 5 }, new[] { 2.0, 7, 1, 8, 2 }, -0.7894736842105264)]
    [TestCase(new[] { 1.0, 1 }, new[] { 2.0, 3 }, double.NaN)]
    [TestCase(new double[0], new double[0], double.NaN)]
    public void Spearman_IsThePeers(double[] first, double[] second, double expected) =>
        Assert.That(RankCorrelation.Spearman(first, second), Is.EqualTo(expected).Within(1e-12));

    [Test]
    public void Spearman_RefusesOtherLengths() =>
        Assert.That(() => RankCorrelation.Spearman([1], [1, 2]), Throws.ArgumentException.With.Message.Contains("1 figures against 2"));
}
