using System.Globalization;
using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Report.Charts;
using Ddoq.Evaluation.Statistics;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>Student accuracies: all protocols in one table, then a chart and a table for each, as only arms of one protocol compare.</summary>
internal static class AccuracySection
{
    public static void Write(ReportPage page, AccuracyComparison comparison)
    {
        ReportModel model = page.Model;
        page.Paragraph($"{comparison.Metric} in percent on {comparison.TestSet}. {comparison.Selection}");
        if (comparison.ToOverview() is { } overview)
            page.Table(overview, ownRow: model.Highlight);
        foreach (IReadOnlyList<AccuracyArm> group in comparison.Groups())
        {
            RunStatistics[] last = [.. group.Select(arm => arm.Last())];
            page.Figure(
                $"{comparison.Metric}, protocol {group[0].Protocol}, student {group[0].Student}. Marks are means with one standard error, the dots below them single distilled sets. The axis does not start at zero."
                    + (group.Any(arm => arm.IsReference) ? " An arrow points to a reference that lies off it." : ""),
                () => DotChart.Write(
                    page.Markup,
                    [.. group.Select((arm, a) => Row(model, arm, last[a]))],
                    $"{comparison.Metric} (%)",
                    [],
                    null,
                    $"Dot chart of {comparison.Metric} for {string.Join(", ", group.Select((arm, a) => $"{arm.Name} {last[a].Format()} %"))}."));
            page.Table(comparison.ToTable(group, model.Baseline), ownRow: model.Highlight);
            if (group.Any(arm => arm.Runs.Count > 1))
                page.Table(AccuracyComparison.ToRunTable(group), ownRow: model.Highlight);
        }
    }

    private static DotRow Row(ReportModel model, AccuracyArm arm, RunStatistics last)
    {
        int series = arm.Name == model.Highlight ? 0 : arm.Name == model.Baseline ? 1 : 5;
        string label = arm.ImagesPerClass is { } count ? string.Create(CultureInfo.InvariantCulture, $"{arm.Name}, {count}") : arm.Name;
        return new DotRow(
            label,
            [new Dot(series, last.Mean, last.StandardError, last.Count > 1 ? last.Values : null)],
            last.Format(),
            arm.Name == model.Highlight,
            arm.IsReference);
    }
}
