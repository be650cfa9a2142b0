using Ddoq.Distilled;
using Ddoq.Evaluation.Report.Charts;
using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>The spread of the weights: over all images, and class by class.</summary>
internal static class WeightSection
{
    private const int RowLimit = 30;

    public static void Write(ReportPage page, IReadOnlyList<ReportClass> classes)
    {
        (ReportClass Class, double[] Weights, WeightStatistics Summary)[] summaries =
            [.. classes.Select(c => (c, c.AllWeights)).Select(pair => (pair.c, pair.AllWeights, WeightStatistics.Of(pair.AllWeights)))];
        double[] relative = [.. summaries.SelectMany(s => s.Weights.Select(w => w / s.Summary.Mean))];
        page.Paragraph(
            "The effective sample size (sum of w)\u00B2 / sum of w\u00B2 is the number of equally weighted images with the same spread: "
            + "it is the number of images when all weights are equal, and 1 when one image has all the weight.");
        page.Figure(
            $"Weights of all {Format.Count(relative.Length, "image", "images")}, each divided by the mean weight of its class.",
            () => HistogramChart.Write(
                page.Markup, relative, "Weight relative to the class's mean", "Images", 1, "equal weights",
                $"Histogram of {relative.Length} relative weights between {Format.Significant(relative.Min())} and {Format.Significant(relative.Max())}."));

        int decimals = Format.DecimalsFor(summaries.Average(s => s.Summary.Mean));
        bool cut = summaries.Length > RowLimit;
        var table = new ComparisonTable(
            cut ? "Weights per class, the classes with the most uneven weights" : "Weights per class",
            new TableColumn("Class"),
            TableColumn.Figures("Images"),
            TableColumn.Figures("Smallest"),
            TableColumn.Figures("Mean"),
            TableColumn.Figures("Largest"),
            TableColumn.Figures("Effective"),
            new TableColumn("Share of images"),
            new TableColumn("Weights, sorted"));
        foreach ((ReportClass item, double[] weights, WeightStatistics summary) in
            cut ? summaries.OrderBy(s => s.Summary.EffectiveSampleSize / s.Summary.Count).Take(RowLimit) : summaries)
        {
            double share = summary.EffectiveSampleSize / summary.Count;
            table.AddRow(
                item.Name,
                TableCell.Whole(summary.Count),
                TableCell.Number(summary.Minimum, decimals),
                TableCell.Number(summary.Mean, decimals),
                TableCell.Number(summary.Maximum, decimals),
                TableCell.Number(summary.EffectiveSampleSize, 1),
                new TableCell(Format.Fixed(100 * share, 0) + Format.UnitSpace + "%", share) { Share = share },
                new TableCell($"Sorted weights of {item.Name}") { Bars = weights });
        }

        table.AddNote((cut ? $"{RowLimit} of {Format.Count(summaries.Length, "class", "classes")} are shown. " : "") + "The dashed line marks the mean weight.");
        page.Table(table);
    }
}
