using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Tests.Accuracy;

public class DatasetScoresTests
{
    /// <summary>
    /// By hand: HLR = 0.935 - 0.80 = 0.135; IOR = 0.75 - 0.72 = 0.03; LRS: a = (0.03 - 0.135) / 2 = -0.0525,
    /// (e^-0.0525 - 0.36788) / 2.35040 = (0.94885 - 0.36788) / 2.35040 = 0.24718; ARS: a = (0.04 + 0.06) / 2 = 0.05,
    /// (1.05127 - 0.36788) / 2.35040 = 0.29076.
    /// </summary>
    [Test]
    public void From_WorkedExample()
    {
        DatasetScores scores = DatasetScores.From(new ScoreAccuracies(Full: 93.5, SetHard: 80, SetOwn: 75, RandomOwn: 72)
        {
            SetAugmented = 82,
            RandomAugmented = 78,
            SetPlain = 80,
            RandomPlain = 74,
        });
        Assert.Multiple(() =>
        {
            Assert.That(scores.HardLabelRecovery, Is.EqualTo(0.135).Within(1e-12));
            Assert.That(scores.ImprovementOverRandom, Is.EqualTo(0.03).Within(1e-12));
            Assert.That(scores.LabelRobust, Is.EqualTo(0.24718).Within(5e-6));
            Assert.That(scores.AugmentationRobust, Is.EqualTo(0.29076).Within(5e-6));
        });
    }

    /// <summary>s(-1) = 0, s(0) = (1 - 0.36788) / 2.35040 = 0.26894, s(1) = 1.</summary>
    [TestCase(100, 0, 0, 100, 0)]
    [TestCase(90, 90, 70, 70, 0.26894)]
    [TestCase(0, 100, 100, 0, 1)]
    public void LabelRobust_HasItsEnds(double full, double hard, double own, double random, double expected)
    {
        DatasetScores scores = DatasetScores.From(new ScoreAccuracies(full, hard, own, random));
        Assert.That(scores.LabelRobust, Is.EqualTo(expected).Within(5e-6));
        Assert.That(scores.AugmentationRobust, Is.Null);
    }

    [Test]
    public void Of_TakesTheMeansOfArmsAndProtocols()
    {
        AccuracyComparison comparison = AccuracyComparisonTests.Comparison(
            ("set", "hard", [70, 72]), ("random", "hard", [60, 62]), ("full", "hard", [90]),
            ("set", "soft", [80, 82]), ("random", "soft", [79, 79]),
            ("set", "augmented", [75]), ("random", "augmented", [70]));
        var roles = new ScoreRoles("full", "random", "hard", "soft", "augmented");
        DatasetScores expected = DatasetScores.From(new ScoreAccuracies(90, 71, 81, 79) { SetAugmented = 75, RandomAugmented = 70, SetPlain = 71, RandomPlain = 61 });
        Assert.Multiple(() =>
        {
            Assert.That(DatasetScores.Of(comparison, "set", roles), Is.EqualTo(expected));
            Assert.That(DatasetScores.Of(comparison, "set", roles with { AugmentedProtocol = null }), Is.EqualTo(expected with { AugmentationRobust = null }));
            Assert.That(DatasetScores.Of(comparison, "set", roles with { OwnProtocol = "unknown" }), Is.Null);
        });
    }

    [Test]
    public void ToTable_GivesPointsAndMarksTheBetterEnd()
    {
        ComparisonTable table = DatasetScores.ToTable([("a", new DatasetScores(0.1, 0.02, 0.25, null)), ("b", new DatasetScores(0.2, -0.01, 0.2, null))]);
        Assert.That(
            table.Rows.Select(row => string.Join("|", row.Cells.Select(cell => cell.Text + (cell.IsBest ? "*" : "")))),
            Is.EqualTo(new[] { "a|10.0*|+2.0*|0.250*", "b|20.0|\u22121.0|0.200" }));
    }

    [TestCase(100.1)]
    [TestCase(double.NaN)]
    public void From_RefusesWhatIsNoAccuracy(double accuracy) => Assert.That(
        () => DatasetScores.From(new ScoreAccuracies(accuracy, 1, 1, 1)), Throws.TypeOf<DdoqException>().With.Message.Contains("between 0 and 100"));
}
