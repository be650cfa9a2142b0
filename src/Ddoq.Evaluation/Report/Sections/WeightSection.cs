using Ddoq.Evaluation.Report.Charts;
using Ddoq.Evaluation.Report.Markup;
using Ddoq.Evaluation.Statistics;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>The spread of the weights: over all images, and class by class.</summary>
internal static class WeightSection
{
    private const int RowLimit = 30;

    public static void Write(ReportPage page, IReadOnlyList<ReportClass> classes)
    {
        (ReportClass Class, double[] Weights, WeightSummary Summary)[] summaries =
            [.. classes.Select(c => (c, c.AllWeights)).Select(pair => (pair.c, pair.AllWeights, WeightSummary.From(pair.AllWeights)))];
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
        page.BeginTable(cut ? "Weights per class, the classes with the most uneven weights" : "Weights per class");
        MarkupWriter markup = page.Markup;
        markup.Open("thead").Open("tr").Element("th", "Class", ("scope", "col"));
        foreach (string header in (ReadOnlySpan<string>)["Images", "Smallest", "Mean", "Largest", "Effective"])
            markup.Element("th", header, ("scope", "col"), ("class", "num"));
        markup.Element("th", "Share of images", ("scope", "col")).Element("th", "Weights, sorted", ("scope", "col"));
        markup.Close().Close().Line().Open("tbody").Line();
        foreach ((ReportClass item, double[] weights, WeightSummary summary) in
            cut ? summaries.OrderBy(s => s.Summary.EffectiveSampleSize / s.Summary.Count).Take(RowLimit) : summaries)
            WriteRow(page, item, weights, summary, decimals);
        markup.Close();
        page.EndTable();
        page.Notes(cut ? [$"{RowLimit} of {Format.Count(summaries.Length, "class", "classes")} are shown. The dashed line marks the mean weight."] : ["The dashed line marks the mean weight."]);
    }

    private static void WriteRow(ReportPage page, ReportClass item, double[] weights, WeightSummary summary, int decimals)
    {
        MarkupWriter markup = page.Markup;
        double share = summary.EffectiveSampleSize / summary.Count;
        markup.Open("tr", ("class", "centred")).Element("th", item.Name, ("scope", "row")).Element("td", Format.Whole(summary.Count), ("class", "num"));
        foreach (double value in (ReadOnlySpan<double>)[summary.Minimum, summary.Mean, summary.Maximum])
            markup.Element("td", Format.Fixed(value, decimals), ("class", "num"));
        markup.Element("td", Format.Fixed(summary.EffectiveSampleSize, 1), ("class", "num"));
        markup.Open("td", ("class", "with-meter"));
        page.Meter(share);
        markup.Text(Format.Fixed(100 * share, 0) + Format.UnitSpace + "%").Close().Open("td");
        SortedBars.Write(markup, weights, $"Sorted weights of {item.Name}");
        markup.Close().Close().Line();
    }
}
