using Ddoq.Evaluation.Comparison;
using Ddoq.Evaluation.Report.Charts;
using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>What the arms keep of the data before and after the push-forward, beside the accuracy that comes of it.</summary>
internal static class FindingSection
{
    private const int PrototypeSeries = 1;
    private const int ImageSeries = 0;

    private static readonly (PrototypeMetric Metric, string Name, string AxisTitle, int Decimals)[] Metrics =
    [
        (PrototypeMetric.VarianceKept, "Variance kept", "Variance kept (1 = all)", 2),
        (PrototypeMetric.Energy, "Energy", "Energy distance", 2),
        (PrototypeMetric.Wasserstein, "W2", "W2", 2),
    ];

    public static bool HasContent(ReportModel model) =>
        Arms(model).Any(arm => Metrics.Any(m => m.Metric != PrototypeMetric.Wasserstein && (Before(model, arm, m.Metric) ?? After(model, arm, m.Metric)).HasValue));

    public static void Write(ReportPage page)
    {
        ReportModel model = page.Model;
        string[] arms = Arms(model);
        bool hasBoth = model is { Prototypes: not null, Images: not null };
        page.Paragraph(model.Finding
            ?? "W2-optimal prototypes are conditional means of their cells, so they keep only part of the data's variance; points of least energy distance keep it. "
            + "Pushing prototypes through the generator moves both. Students are trained on what comes out, so that is where the distances have to be small.");
        page.Figure(
            (hasBoth ? "Prototypes before the push-forward, and the latents of the finished images after it; " : "")
                + "means over the classes. Variance is kept when it is near 1; for energy and W2 further left is closer to the data.",
            () => PanelChart.Write(
                page.Markup,
                [.. arms.Select(arm => new PanelRow(arm, arm == model.Highlight))],
                [.. Metrics.Select(m => new Panel(m.AxisTitle, m.Metric == PrototypeMetric.VarianceKept ? 1 : null,
                    [.. arms.Select(arm => Dots(model, arm, m.Metric))]))],
                hasBoth ? [("prototypes", PrototypeSeries), ("images", ImageSeries)] : [],
                $"Dot charts of variance kept, energy distance and W2 for the arms {string.Join(", ", arms)}; the table below has the figures."));
        page.Table(Table(model, arms), ownRow: model.Highlight);
    }

    private static ComparisonTable Table(ReportModel model, string[] arms)
    {
        var columns = new List<TableColumn> { new("Arm") };
        var cells = new List<TableCell[]>();
        foreach ((PrototypeMetric metric, string name, _, int decimals) in Metrics)
        {
            BestIs best = metric == PrototypeMetric.VarianceKept ? BestIs.Unmarked : BestIs.Lowest;
            Add($"{name}, prototypes", Before, metric, decimals, best);
            Add($"{name}, images", After, metric, decimals, best);
        }

        if (model.Accuracy?.Groups() is [{ } group, ..])
        {
            columns.Add(TableColumn.Figures($"{model.Accuracy.Metric}, {group[0].Protocol}", "%"));
            cells.Add([.. arms.Select(arm => group.FirstOrDefault(candidate => candidate.Name == arm) is { } found ? TableCell.Runs(found.Last()) : "–")]);
        }

        var table = new ComparisonTable("What the arms keep of the data, means over the classes", [.. columns]);
        for (int a = 0; a < arms.Length; a++)
            table.AddRow([arms[a], .. cells.Select(column => column[a])]);
        return table;

        void Add(string header, Func<ReportModel, string, PrototypeMetric, double?> figure, PrototypeMetric metric, int decimals, BestIs best)
        {
            double?[] values = [.. arms.Select(arm => figure(model, arm, metric))];
            if (!values.Any(value => value.HasValue))
                return;
            TableCell[] column = TableCell.Numbers([.. values.Select(value => value ?? double.NaN)], decimals, best);
            columns.Add(TableColumn.Figures(header));
            cells.Add([.. column.Select((cell, a) => values[a].HasValue ? cell : "–")]);
        }
    }

    private static Dot[] Dots(ReportModel model, string arm, PrototypeMetric metric)
    {
        var dots = new List<Dot>(2);
        if (Before(model, arm, metric) is { } before)
            dots.Add(new Dot(PrototypeSeries, before));
        if (After(model, arm, metric) is { } after)
            dots.Add(new Dot(ImageSeries, after));
        return [.. dots];
    }

    private static string[] Arms(ReportModel model) =>
        [.. (model.Prototypes?.Arms ?? []).Concat(model.Images?.Arms ?? []).Distinct()];

    private static double? Before(ReportModel model, string arm, PrototypeMetric metric) =>
        model.Prototypes is { } comparison && comparison.Arms.Contains(arm) ? comparison.Mean(arm, metric) : null;

    private static double? After(ReportModel model, string arm, PrototypeMetric metric) =>
        model.Images is { } comparison && comparison.Arms.Contains(arm) ? comparison.Mean(arm, metric) : null;
}
