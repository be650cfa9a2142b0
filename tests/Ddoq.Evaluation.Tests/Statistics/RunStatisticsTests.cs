using Ddoq.Evaluation.Statistics;

namespace Ddoq.Evaluation.Tests.Statistics;

public class RunStatisticsTests
{
    [Test]
    public void From_HasTheSampleMoments()
    {
        // Python: statistics.mean and statistics.stdev.
        RunStatistics runs = RunStatistics.From(55.8, 56.2, 56.6, 56.3);
        Assert.Multiple(() =>
        {
            Assert.That(runs.Count, Is.EqualTo(4));
            Assert.That(runs.Mean, Is.EqualTo(56.225).Within(1e-12));
            Assert.That(runs.StandardDeviation, Is.EqualTo(0.33040379335998365).Within(1e-12));
            Assert.That(runs.StandardError, Is.EqualTo(0.33040379335998365 / 2).Within(1e-12));
            Assert.That(runs.ToString(), Is.EqualTo("56.2 ± 0.2 (n = 4)"), "the standard error, not the deviation");
        });
    }

    [Test]
    public void StandardDeviation_DoesNotSufferFromALargeMean() =>
        Assert.That(RunStatistics.From(1e9 + 1, 1e9 + 2, 1e9 + 3).StandardDeviation, Is.EqualTo(1).Within(1e-9));

    [Test]
    public void SingleRun_HasNoSpread()
    {
        RunStatistics runs = RunStatistics.From(56.25);
        Assert.Multiple(() =>
        {
            Assert.That(runs.StandardDeviation, Is.NaN);
            Assert.That(runs.Format(2), Is.EqualTo("56.25"));
        });
    }

    [Test]
    public void From_RefusesNothingAndNaN() => Assert.Multiple(() =>
    {
        Assert.That(() => RunStatistics.From(), Throws.TypeOf<DdoqException>().With.Message.Contains("no runs"));
        Assert.That(() => RunStatistics.From(1, double.NaN), Throws.TypeOf<DdoqException>().With.Message.Contains("Run 2 of 2"));
    });
}
