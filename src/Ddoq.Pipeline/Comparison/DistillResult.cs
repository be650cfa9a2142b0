using System.Text;
using System.Text.Json;
using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Comparison;
using Ddoq.Evaluation.Tables;
using Ddoq.Pipeline.Results;

namespace Ddoq.Pipeline;

/// <summary>The tables of a finished run.</summary>
/// <param name="Comparison">The numbers.</param>
/// <param name="Layout">Where everything lies.</param>
public sealed record DistillResult(DistillComparison Comparison, OutputLayout Layout)
{
    internal const string Baseline = "d4m";

    /// <summary>Accuracy per arm, a table per protocol: mean and standard error over the sets, and the paired difference to D4M.</summary>
    public IReadOnlyList<ComparisonTable> AccuracyTables()
    {
        AccuracyComparison accuracy = ArmAccuracies.Of(Comparison.Arms, Comparison.Students);
        return [.. accuracy.Groups().Select(group => accuracy.ToTable(group, Baseline))];
    }

    /// <summary>W2 of prototypes to latents per class, like the paper's Table 1.</summary>
    public ComparisonTable DistanceTable() =>
        PrototypeComparison.FromMeasurements(Comparison.Distances).ToTable(PrototypeMetric.Wasserstein, Baseline);

    /// <summary>All tables for a terminal.</summary>
    public string ToText()
    {
        var text = new StringBuilder(DistanceTable().ToText());
        foreach (ComparisonTable table in AccuracyTables())
            text.Append('\n').Append(table.ToText());
        if (Comparison.Scores.Count > 0)
            text.Append('\n').Append(DatasetScores.ToTable([.. Comparison.Scores.Select(arm => (arm.Arm, arm.Scores))]).ToText());
        foreach (ArmDescription arm in Comparison.Arms)
            text.Append('\n').Append(arm.Name.PadRight(Comparison.Arms.Max(other => other.Name.Length) + 2)).Append(arm.Description);
        return text.Append($"\n\ndistilled set  {Layout.Distilled(SetRecipe.Ddoq)}\nreport         {Layout.Report}").ToString();
    }

    /// <summary>Everything as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(Comparison, ResultFiles.Options);
}
