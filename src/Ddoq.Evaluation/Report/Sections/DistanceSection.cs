using Ddoq.Distilled;
using Ddoq.Evaluation.Comparison;
using Ddoq.Evaluation.Report.Charts;
using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>How far the prototypes are from the data: W2 and distortion per class and arm.</summary>
internal static class DistanceSection
{
    /// <summary>Up to this many classes each gets a row; beyond, the distribution over classes is drawn.</summary>
    private const int RowLimit = 24;

    public static void Write(ReportPage page, PrototypeComparison comparison)
    {
        ReportModel model = page.Model;
        string? baseline = model.Baseline is { } name && comparison.Arms.Contains(name) ? name : null;
        page.Paragraph(
            "Distance between all rows of a class and its prototypes"
            + (model.LatentSpace is null ? "" : $", in {model.LatentSpace}")
            + ". A smaller W2 bounds the difference between training on the prototypes and training on the data; it does not by itself make a better student.");
        page.Table(comparison.ToTable(PrototypeMetric.Wasserstein, baseline, RowLimit), ownColumn: model.Highlight);
        if (comparison.Classes.Count is > 0 and <= RowLimit)
            WriteRows(page, comparison, baseline);
        else if (baseline is not null && comparison.Classes.Count > 0)
            WriteDistribution(page, comparison, baseline);
        page.Table(comparison.ToSummaryTable(baseline), ownRow: model.Highlight);
        if (model.Images is { Measurements.Count: > 0 } images)
        {
            page.Markup.Element("h3", "After the push-forward").Line();
            page.Paragraph("The same figures for the latents of the finished images.");
            string? after = baseline is not null && images.Arms.Contains(baseline) ? baseline : null;
            page.Table(images.ToTable(PrototypeMetric.Energy, after, RowLimit), ownColumn: model.Highlight);
            page.Table(images.ToSummaryTable(after), ownRow: model.Highlight);
        }
    }

    private static void WriteRows(ReportPage page, PrototypeComparison comparison, string? baseline)
    {
        int[] series = Series(page.Model, comparison);
        string? highlight = page.Model.Highlight is { } own && comparison.Arms.Contains(own) && own != baseline ? own : null;
        bool showsChange = baseline is not null && highlight is not null;
        DotRow[] rows = [.. comparison.Classes.Select(c => new DotRow(
            comparison[comparison.Arms[0], c].ClassName,
            [.. comparison.Arms.Select((arm, a) => new Dot(series[a], comparison[arm, c].Wasserstein)).Reverse()],
            showsChange ? Format.SignedPercent((comparison[highlight!, c].Wasserstein / comparison[baseline!, c].Wasserstein) - 1) : null))];
        page.Figure(
            "W2 per class and arm; further left is closer to the data." + (showsChange ? $" At the right, the change of {highlight} against {baseline}." : "") + " The axis does not start at zero.",
            () => DotChart.Write(
                page.Markup,
                rows,
                "W2 to the class's rows (units of the latents)",
                [.. comparison.Arms.Select((arm, a) => (arm, series[a]))],
                showsChange ? "Change" : null,
                $"Dot chart of W2 for {comparison.Classes.Count} classes and the arms {string.Join(", ", comparison.Arms)}; the table above has the figures."));
    }

    private static void WriteDistribution(ReportPage page, PrototypeComparison comparison, string baseline)
    {
        int[] series = Series(page.Model, comparison);
        (string, int, double[])[] changes = [.. comparison.Arms.Select((arm, a) => (arm, a)).Where(pair => pair.arm != baseline).Select(pair =>
            (pair.arm, series[pair.a], comparison.Classes.Select(c =>
                100 * ((comparison[pair.arm, c].Wasserstein / comparison[baseline, c].Wasserstein) - 1)).Where(double.IsFinite).ToArray()))
            .Where(change => change.Item3.Length > 0)];
        if (changes.Length == 0)
            return;
        page.Figure(
            $"Change of W2 against {baseline} over the classes: for each change, the share of classes at or below it. Curves further left are closer to the data.",
            () => CumulativeChart.Write(
                page.Markup,
                changes,
                $"Change of W2 against {baseline} (%)",
                "Share of classes (%)",
                $"Cumulative distribution over {comparison.Classes.Count} classes of the change of W2 against {baseline}; the table above has the means."));
    }

    /// <summary>The report's own arm has the first colour wherever it stands.</summary>
    private static int[] Series(ReportModel model, PrototypeComparison comparison)
    {
        int next = comparison.Arms.Contains(model.Highlight) ? 1 : 0;
        return [.. comparison.Arms.Select(arm => arm == model.Highlight ? 0 : next++)];
    }
}

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
