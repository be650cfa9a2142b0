using Ddoq.Evaluation.Statistics;

namespace Ddoq.Evaluation.Tests.Statistics;

public class PairedDifferenceTests
{
    [Test]
    public void Between_PairsEqualSeeds_AndCancelsTheirCommonSpread()
    {
        var first = new Dictionary<ulong, double> { [3] = 61.1, [1] = 51.3, [2] = 71.2, [9] = 0 };
        var second = new Dictionary<ulong, double> { [1] = 50, [2] = 70, [3] = 60, [8] = 99 };
        PairedDifference difference = PairedDifference.Between(first, second);
        Assert.Multiple(() =>
        {
            Assert.That(difference.Seeds, Is.EqualTo(new ulong[] { 1, 2, 3 }));
            Assert.That(difference.Mean, Is.EqualTo(1.2).Within(1e-12));
            Assert.That(difference.StandardError, Is.EqualTo(0.1 / Math.Sqrt(3)).Within(1e-12));
            Assert.That(difference.HalfWidth95, Is.EqualTo(4.302653 * 0.1 / Math.Sqrt(3)).Within(1e-6));
            Assert.That(difference.Format(), Is.EqualTo("+1.2 ± 0.1"));
            Assert.That(PairedDifference.Between(second, first).Format(2), Is.EqualTo("\u22121.20 ± 0.06"));
        });
    }

    [Test]
    public void Between_WithoutCommonSeeds_SaysWhichThereAre() => Assert.That(
        () => PairedDifference.Between(new Dictionary<ulong, double> { [1] = 2 }, new Dictionary<ulong, double> { [5] = 2, [4] = 1 }),
        Throws.TypeOf<DdoqException>().With.Message.Contains("seeds 1 against seeds 4, 5"));

    // scipy.stats.t.ppf(0.975, n)
    [TestCase(1, 12.706204736174694)]
    [TestCase(2, 4.302652729749464)]
    [TestCase(3, 3.182446305283708)]
    [TestCase(4, 2.7764451051977943)]
    [TestCase(5, 2.570581835636314)]
    [TestCase(9, 2.2621571627982053)]
    [TestCase(30, 2.0422724563012378)]
    [TestCase(1000, 1.9623390808264074)]
    public void Quantile975_EqualsThePeer(int degrees, double expected) =>
        Assert.That(StudentT.Quantile975(degrees), Is.EqualTo(expected).Within(2e-3 * expected / degrees));

    [TestCase(1.26, 1, "+1.3")]
    [TestCase(-0.157, 2, "\u22120.16")]
    [TestCase(-0.04, 1, "0.0")]
    [TestCase(double.NaN, 1, "n/a")]
    public void SignedNumber_ShowsTheSign(double value, int decimals, string expected) =>
        Assert.That(SignedNumber.Format(value, decimals), Is.EqualTo(expected));
}
