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
            Assert.That(difference.Differences.Values, Is.EqualTo(new[] { 1.3, 1.2, 1.1 }).Within(1e-12));
            Assert.That(difference.PairCount, Is.EqualTo(3));
            Assert.That(difference.Mean, Is.EqualTo(1.2).Within(1e-12));
            Assert.That(difference.StandardError, Is.EqualTo(0.1 / Math.Sqrt(3)).Within(1e-12));
            Assert.That(difference.Format(), Is.EqualTo("+1.2 ± 0.1"));
            Assert.That(PairedDifference.Between(second, first).Format(2), Is.EqualTo("\u22121.20 ± 0.06"));
        });
    }

    [Test]
    public void Between_RunsOfOneDraw_AreAveragedFirst()
    {
        var zero = new Dictionary<(ulong Set, ulong Student), double> { [(1, 1)] = 0, [(1, 2)] = 0, [(2, 1)] = 0, [(2, 2)] = 0 };
        var figures = new Dictionary<(ulong Set, ulong Student), double> { [(1, 1)] = 1, [(1, 2)] = 3, [(2, 1)] = 5, [(2, 2)] = 7 };
        PairedDifference difference = PairedDifference.Between(figures, zero, seeds => seeds.Set);
        Assert.Multiple(() =>
        {
            Assert.That(difference.Differences.Values, Is.EqualTo(new[] { 2.0, 6.0 }));
            Assert.That(difference.PairCount, Is.EqualTo(4));
            Assert.That(difference.StandardError, Is.EqualTo(2).Within(1e-12), "two sets, not four students");
        });
    }

    [Test]
    public void Between_WithoutCommonSeeds_SaysWhichThereAre() => Assert.That(
        () => PairedDifference.Between(new Dictionary<ulong, double> { [1] = 2 }, new Dictionary<ulong, double> { [5] = 2, [4] = 1 }),
        Throws.TypeOf<DdoqException>().With.Message.Contains("seeds 1 against seeds 4, 5"));
}
