using System.Text.Json;
using Ddoq.Evaluation.Comparison;
using Ddoq.Evaluation.Statistics;
using Ddoq.Evaluation.Tables;
using Ddoq.Pipeline.Results;

namespace Ddoq.Pipeline;

/// <summary>The tables of a finished run.</summary>
/// <param name="Comparison">The numbers.</param>
/// <param name="Layout">Where everything lies.</param>
public sealed record DistillResult(DistillComparison Comparison, OutputLayout Layout)
{
    private const string Baseline = "d4m";

    /// <summary>Accuracy per arm: mean and standard error over the students' seeds, and the paired difference to D4M.</summary>
    public ComparisonTable AccuracyTable()
    {
        StudentResult first = Comparison.Students[0];
        var table = new ComparisonTable(
            $"Test accuracy in % (protocol {first.Recipe}; student {first.Network}, {first.Updates} updates)",
            new TableColumn("arm"),
            new TableColumn("last", CellAlignment.Right),
            new TableColumn("best", CellAlignment.Right),
            new TableColumn("minus D4M", CellAlignment.Right),
            new TableColumn("images"));
        var accuracies = Comparison.Arms.Select(arm => Percentages(arm.Name, student => student.LastAccuracy)).ToArray();
        double best = accuracies.Max(runs => runs.Mean);
        bool hasBaseline = Comparison.Arms.Any(arm => arm.Name == Baseline);
        for (int a = 0; a < accuracies.Length; a++)
        {
            string name = Comparison.Arms[a].Name;
            table.AddRow(
                name,
                TableCell.Runs(accuracies[a], 1, accuracies[a].Mean == best),
                TableCell.Runs(Percentages(name, student => student.BestAccuracy)),
                hasBaseline && name != Baseline ? PairedDifference.Between(BySeed(name), BySeed(Baseline)).Format() : TableCell.Empty,
                Comparison.Arms[a].Description);
        }

        table.AddNote($"mean ± standard error over {accuracies[0].Count} student seeds; differences are paired by seed, ± standard error");
        return table;
    }

    /// <summary>W2 of prototypes to latents per class, like the paper's Table 1.</summary>
    public ComparisonTable DistanceTable() =>
        PrototypeComparison.FromMeasurements(Comparison.Distances).ToTable(PrototypeMetric.Wasserstein, Baseline);

    /// <summary>Both tables for a terminal.</summary>
    public string ToText() =>
        $"{DistanceTable().ToText()}\n{AccuracyTable().ToText()}\ndistilled set  {Layout.Distilled(SetRecipe.Ddoq)}\nreport         {Layout.Report}";

    /// <summary>Everything as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(Comparison, ResultFiles.Options);

    private RunStatistics Percentages(string arm, Func<StudentResult, double> figure) =>
        RunStatistics.From([.. Comparison.Students.Where(student => student.Arm == arm).Select(student => 100 * figure(student))]);

    private Dictionary<ulong, double> BySeed(string arm) =>
        Comparison.Students.Where(student => student.Arm == arm).ToDictionary(student => student.Seed, student => 100 * student.LastAccuracy);
}
