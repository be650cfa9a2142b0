using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Tests.Accuracy;

public class AccuracyComparisonTests
{
    [Test]
    public void Arm_StandardErrorIsOverSets_NotStudents()
    {
        AccuracyArm arm = Arm("a", "p", 0) with { Runs = [new(1, 1, 60, 61), new(1, 2, 62, 63), new(2, 1, 64, 65), new(2, 2, 66, 67)] };
        Assert.Multiple(() =>
        {
            Assert.That(arm.Last().Values, Is.EqualTo(new[] { 61.0, 65.0 }));
            Assert.That(arm.Last().StandardError, Is.EqualTo(2).Within(1e-12));
            Assert.That(arm.Best()!.Mean, Is.EqualTo(64).Within(1e-12));
            Assert.That((arm with { Runs = [.. arm.Runs, new(3, 1, 60)] }).Best(), Is.Null, "one run without it");
        });
    }

    [Test]
    public void Minus_PairsSetAndStudentSeeds()
    {
        AccuracyArm first = Arm("a", "p", 60, 62, 64), second = Arm("b", "p", 59, 60, 63);
        Assert.Multiple(() =>
        {
            Assert.That(first.Minus(second)!.Differences.Values, Is.EqualTo(new[] { 1.0, 2.0, 1.0 }));
            Assert.That(first.Minus(second with { Runs = [new(9, 9, 1)] }), Is.Null);
        });
    }

    [Test]
    public void ToTable_HasMeansErrorsAndDifferences()
    {
        AccuracyComparison comparison = Comparison(("ddoq", "p", [61, 63]), ("d4m", "p", [60, 60.6]), ("ddoq", "other", [40]));
        ComparisonTable table = comparison.ToTable(comparison.Groups()[0], "d4m");
        Assert.Multiple(() =>
        {
            Assert.That(table.Columns.Select(column => column.Title), Is.EqualTo(new[] { "Arm", "Images per class", "Last (%)", "Minus d4m (points)", "Sets", "Students", "Updates" }));
            Assert.That(Rows(table), Is.EqualTo(new[] { "ddoq|10|62.0 ± 1.0*|+1.7 ± 0.7|2|2|1,000", "d4m|10|60.3 ± 0.3|–|2|2|1,000" }));
        });
    }

    [Test]
    public void ToOverview_HasAColumnPerProtocol()
    {
        AccuracyComparison comparison = Comparison(("ddoq", "hard", [61, 63]), ("random", "hard", [60]), ("random", "soft", [70]));
        Assert.Multiple(() =>
        {
            Assert.That(comparison.ToOverview()!.Columns.Select(column => column.Title), Is.EqualTo(new[] { "Arm", "hard (%)", "soft (%)" }));
            Assert.That(Rows(comparison.ToOverview()!), Is.EqualTo(new[] { "ddoq|62.0 ± 1.0*|–", "random|60.0|70.0" }));
            Assert.That(Comparison(("ddoq", "hard", [61])).ToOverview(), Is.Null);
        });
    }

    [Test]
    public void RepeatedSeeds_AreRefused() => Assert.That(
        () => (Arm("a", "p", 0) with { Runs = [new(1, 2, 50), new(1, 2, 51)] }).Last(),
        Throws.TypeOf<DdoqException>().With.Message.Contains("two runs of set seed 1 and student seed 2"));

    /// <summary>Arms whose runs have the seeds 1, 2, 3, ... of set and student.</summary>
    internal static AccuracyComparison Comparison(params (string Name, string Protocol, double[] Accuracies)[] arms) => new()
    {
        TestSet = "200 test images",
        Selection = "Last epoch.",
        Arms = [.. arms.Select(arm => Arm(arm.Name, arm.Protocol, arm.Accuracies))],
    };

    private static AccuracyArm Arm(string name, string protocol, params double[] accuracies) => new()
    {
        Name = name,
        Protocol = protocol,
        Student = "ConvNet-3",
        ImagesPerClass = 10,
        Updates = 1000,
        Runs = [.. accuracies.Select((accuracy, i) => new AccuracyRun((ulong)i + 1, (ulong)i + 1, accuracy))],
    };

    private static IEnumerable<string> Rows(ComparisonTable table) =>
        table.Rows.Select(row => string.Join("|", row.Cells.Select(cell => cell.Text + (cell.IsBest ? "*" : ""))));
}
