using System.Text.Json;
using Ddoq.Evaluation.Statistics;
using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Tests.Tables;

public class ComparisonTableTests
{
    private static ComparisonTable Sample()
    {
        var table = new ComparisonTable("Accuracy", new TableColumn("Arm"), new TableColumn("Top-1", CellAlignment.Right, "%"), new TableColumn("Time", CellAlignment.Right, "s"));
        table.AddRow("random, \"real\"", TableCell.Runs(RunStatistics.From(40, 42)), TableCell.Number(9.5, 1));
        table.AddRow("DDOQ|<b>\u001b[31m", TableCell.Runs(RunStatistics.From(1.0 / 3 + 50)) with { IsBest = true }, TableCell.Number(double.NaN, 1));
        table.AddSummaryRow("Mean", TableCell.Empty, TableCell.Whole(12345));
        table.AddNote("Protocol: rded.");
        return table;
    }

    [Test]
    public void ToText_IsAligned_AndSafeForATerminal() => Assert.That(Sample().ToText(), Is.EqualTo(
        """
        Accuracy
        Arm              Top-1 (%)   Time (s)
        --------------  -----------  --------
        random, "real"  41.0 ± 1.0        9.5
        DDOQ|<b>�[31m         50.3*       n/a
        --------------  -----------  --------
        Mean                           12,345
        * best figure
        Protocol: rded.

        """));

    [Test]
    public void ToMarkdown_EscapesCells_AndMarksTheBest() => Assert.That(Sample().ToMarkdown(), Is.EqualTo(
        """
        **Accuracy**

        | Arm | Top-1 (%) | Time (s) |
        | --- | ---: | ---: |
        | random, "real" | 41.0 ± 1.0 | 9.5 |
        | DDOQ\|&lt;b&gt;�\[31m | **50.3** | n/a |
        | *Mean* |  | 12,345 |

        Protocol: rded.

        """));

    [Test]
    public void ToCsv_QuotesText_AndKeepsFullPrecision() => Assert.That(Sample().ToCsv().Split('\n'), Is.EqualTo(new[]
    {
        "Arm,Top-1 (%),Time (s)",
        "\"random, \"\"real\"\"\",41,9.5",
        "DDOQ|<b>\u001b[31m,50.333333333333336,",
        "Mean,,12345",
        "",
    }));

    [Test]
    public void ToJson_IsKeyedByHeading_WithNullForNaN()
    {
        using JsonDocument json = JsonDocument.Parse(Sample().ToJson());
        JsonElement rows = json.RootElement.GetProperty("rows");
        Assert.Multiple(() =>
        {
            Assert.That(json.RootElement.GetProperty("title").GetString(), Is.EqualTo("Accuracy"));
            Assert.That(json.RootElement.GetProperty("columns")[1].GetProperty("unit").GetString(), Is.EqualTo("%"));
            Assert.That(rows.GetArrayLength(), Is.EqualTo(2));
            Assert.That(rows[1].GetProperty("Top-1").GetDouble(), Is.EqualTo(50.333333333333336));
            Assert.That(rows[1].GetProperty("Time").ValueKind, Is.EqualTo(JsonValueKind.Null));
            Assert.That(json.RootElement.GetProperty("summary")[0].GetProperty("Time").GetDouble(), Is.EqualTo(12345));
            Assert.That(json.RootElement.GetProperty("notes")[0].GetString(), Is.EqualTo("Protocol: rded."));
        });
    }

    [TestCase(BestIs.Lowest, new[] { 2.0, 1.04, 1.01, double.NaN }, new[] { false, true, true, false })]
    [TestCase(BestIs.Highest, new[] { 2.0, 1.04, 1.01, double.NaN }, new[] { true, false, false, false })]
    [TestCase(BestIs.Lowest, new[] { 1.0, 1.0 }, new[] { false, false })]
    [TestCase(BestIs.Unmarked, new[] { 1.0, 2.0 }, new[] { false, false })]
    [TestCase(BestIs.Lowest, new double[0], new bool[0])]
    public void Numbers_MarkWhatReadsAsTheBest(BestIs best, double[] values, bool[] expected) =>
        Assert.That(TableCell.Numbers(values, 1, best).Select(cell => cell.IsBest), Is.EqualTo(expected));

    [Test]
    public void WrongShapes_AreRefused() => Assert.Multiple(() =>
    {
        Assert.That(() => Sample().AddRow("a"), Throws.TypeOf<DdoqException>().With.Message.Contains("1 cells for 3 columns"));
        Assert.That(() => new ComparisonTable("t", new TableColumn("a"), new TableColumn("a")), Throws.TypeOf<DdoqException>());
    });
}
