using System.Globalization;
using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Comparison;
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

/// <summary>Energy distance and W2 against accuracy over all arms: which of the two predicts it?</summary>
internal static class PredictionSection
{
    private const int LeastArms = 3;

    // Below these the words would say more than a handful of arms can.
    private const double WeakestUseful = -0.5, LeastDifference = 0.05;

    public static bool HasContent(ReportModel model) => Groups(model).Count > 0;

    public static void Write(ReportPage page)
    {
        ReportModel model = page.Model;
        page.Paragraph(
            "Every point is an arm. Where a distance predicts accuracy, points fall from the upper left to the lower right and their rank correlation is near \u22121; near 0 it says nothing.");
        foreach ((IReadOnlyList<AccuracyArm> arms, PrototypeComparison distances) in Groups(model))
        {
            RunStatistics[] last = [.. arms.Select(arm => arm.Last())];
            double[] accuracy = [.. last.Select(runs => runs.Mean)];
            double[] energy = Means(distances, arms, PrototypeMetric.Energy), wasserstein = Means(distances, arms, PrototypeMetric.Wasserstein);
            string place = ReferenceEquals(distances, model.Images) ? "of the images' latents" : "of the prototypes";
            string verdict = Verdict(arms.Count, RankCorrelation.Spearman(energy, accuracy), RankCorrelation.Spearman(wasserstein, accuracy));
            page.Figure(
                $"Distance {place} against accuracy, protocol {arms[0].Protocol}, student {arms[0].Student}; whiskers are one standard error. {verdict}",
                () => ScatterChart.Write(
                    page.Markup,
                    [
                        new ScatterPanel($"Energy distance {place}", energy),
                        new ScatterPanel($"W2 {place}", wasserstein),
                    ],
                    [.. arms.Select((arm, a) => new ScatterItem(arm.Name, Series(model, arm.Name), accuracy[a], last[a].StandardError))],
                    $"{model.Accuracy!.Metric} (%)",
                    $"Scatter plots of energy distance and W2 against accuracy for {arms.Count} arms. {verdict}"));
        }
    }

    private static List<(IReadOnlyList<AccuracyArm> Arms, PrototypeComparison Distances)> Groups(ReportModel model)
    {
        var groups = new List<(IReadOnlyList<AccuracyArm>, PrototypeComparison)>();
        if (model.Accuracy is null || (model.Images ?? model.Prototypes) is not { } distances)
            return groups;
        foreach (IReadOnlyList<AccuracyArm> group in model.Accuracy.Groups())
        {
            AccuracyArm[] arms = [.. group.Where(arm => !arm.IsReference && distances.Arms.Contains(arm.Name)
                && distances.Mean(arm.Name, PrototypeMetric.Energy).HasValue).DistinctBy(arm => arm.Name)];
            if (arms.Length >= LeastArms)
                groups.Add((arms, distances));
        }

        return groups;
    }

    private static double[] Means(PrototypeComparison distances, IReadOnlyList<AccuracyArm> arms, PrototypeMetric metric) =>
        [.. arms.Select(arm => distances.Mean(arm.Name, metric)!.Value)];

    private static string Verdict(int count, double energy, double wasserstein)
    {
        string correlations = string.Create(CultureInfo.InvariantCulture,
            $"Spearman's rank correlation over {count} arms: energy {Format.Signed(energy, 2)}, W2 {Format.Signed(wasserstein, 2)}");
        if (!(Math.Min(energy, wasserstein) <= WeakestUseful))
            return $"{correlations}; neither predicts accuracy.";
        return Math.Abs(energy - wasserstein) < LeastDifference
            ? $"{correlations}; neither predicts better than the other."
            : $"{correlations}; {(energy < wasserstein ? "energy" : "W2")} predicts better here.";
    }

    private static int Series(ReportModel model, string arm) => arm == model.Highlight ? 0 : arm == model.Baseline ? 1 : 5;
}
