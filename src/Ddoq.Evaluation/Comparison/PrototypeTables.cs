using System.Globalization;
using Ddoq.Evaluation.Tables;
using Ddoq.Quantization;

namespace Ddoq.Evaluation.Comparison;

/// <summary>Lays out a comparison as a table.</summary>
internal static class PrototypeTables
{
    public static ComparisonTable Build(
        PrototypeComparison comparison, PrototypeMetric metric, string? baseline, int maximumClasses, int decimals)
    {
        string[] arms = [.. comparison.Arms.Where(arm => comparison.Classes.All(c => comparison[arm, c].Value(metric).HasValue))];
        var table = new ComparisonTable(
            Words(metric).Title, [new TableColumn("Class"), .. arms.Select(arm => new TableColumn(arm, CellAlignment.Right))]);
        foreach (int classIndex in comparison.Classes.Take(maximumClasses))
        {
            double[] values = [.. arms.Select(arm => comparison[arm, classIndex].Value(metric)!.Value)];
            string name = arms.Length > 0 ? comparison[arms[0], classIndex].ClassName : string.Empty;
            table.AddRow([TableCell.Label(name), .. TableCell.Numbers(values, Decimals(metric, decimals), Best(metric))]);
        }

        if (arms.Length > 0 && comparison.Classes.Count > 0)
        {
            double[] means = [.. arms.Select(arm => comparison.Mean(arm, metric)!.Value)];
            table.AddSummaryRow(["Mean", .. TableCell.Numbers(means, Decimals(metric, decimals), Best(metric))]);
            if (baseline is not null && arms.Contains(baseline))
            {
                table.AddSummaryRow([
                    TableCell.Label($"Change against {baseline}"),
                    .. arms.Select(arm => arm == baseline
                        ? TableCell.Label("–")
                        : TableCell.Percent(comparison.RelativeChange(arm, baseline, metric) ?? double.NaN))]);
            }
        }

        if (comparison.Classes.Count > maximumClasses)
        {
            table.AddNote(string.Create(CultureInfo.InvariantCulture,
                $"{maximumClasses} of {comparison.Classes.Count} classes are shown; the mean is over all."));
        }

        table.AddNote(Words(metric).Note);
        return table;
    }

    public static ComparisonTable BuildSummary(PrototypeComparison comparison, string? baseline, int decimals)
    {
        PrototypeMetric[] metrics = [.. Enum.GetValues<PrototypeMetric>().Where(metric => comparison.Arms.Any(arm => comparison.Mean(arm, metric).HasValue))];
        bool hasChange = baseline is not null && comparison.Arms.Contains(baseline);
        List<TableColumn> columns = [new("Arm"), .. metrics.Select(metric => new TableColumn(ShortTitle(metric), CellAlignment.Right))];
        if (hasChange)
            columns.Insert(2, new TableColumn($"Against {baseline}", CellAlignment.Right));
        var table = new ComparisonTable(
            string.Create(CultureInfo.InvariantCulture, $"Distances to the data, means over {comparison.Classes.Count} classes"), [.. columns]);

        TableCell[][] byMetric = [.. metrics.Select(metric => TableCell.Numbers(
            [.. comparison.Arms.Select(arm => comparison.Mean(arm, metric) ?? double.NaN)], Decimals(metric, decimals), Best(metric)))];
        for (int a = 0; a < comparison.Arms.Count; a++)
        {
            string arm = comparison.Arms[a];
            List<TableCell> cells = [TableCell.Label(arm), .. byMetric.Select(column => column[a])];
            if (hasChange)
            {
                cells.Insert(2, arm == baseline
                    ? TableCell.Label("–")
                    : TableCell.Percent(comparison.RelativeChange(arm, baseline!, PrototypeMetric.Wasserstein) ?? double.NaN));
            }

            table.AddRow([.. cells]);
        }

        table.AddNote("W2, energy and variance use each arm's own weights (1/K where it has none); with Voronoi weights W2 squared is the distortion. Lower is better."
            + (hasChange ? $" Against {baseline}: mean of the classes' relative changes of W2." : ""));
        double gap = comparison.Measurements.Count == 0 ? 0 : comparison.Measurements.Max(m => m.RelativeDualityGap);
        table.AddNote(string.Create(CultureInfo.InvariantCulture,
            $"W2 is exact: the largest certified relative error of a squared distance is {gap:0.0e+0}."));
        return table;
    }

    public static string ShortTitle(PrototypeMetric metric) => metric switch
    {
        PrototypeMetric.Wasserstein => "W2",
        PrototypeMetric.WassersteinVoronoi => "W2, Voronoi weights",
        PrototypeMetric.WassersteinUniform => "W2, uniform weights",
        PrototypeMetric.Distortion => "Distortion",
        PrototypeMetric.HeldOutDistortion => "Held-out distortion",
        PrototypeMetric.VarianceExplained => "Variance explained",
        PrototypeMetric.Energy => "Energy",
        _ => "Variance kept",
    };

    private static (string Title, string Note) Words(PrototypeMetric metric) => metric switch
    {
        PrototypeMetric.Wasserstein => (
            "W2 to the class's latents",
            "Exact Wasserstein-2 distance with each arm's own weights (1/K where it has none). Lower is better."),
        PrototypeMetric.WassersteinVoronoi => (
            "W2 to the class's latents, Voronoi weights",
            "Exact Wasserstein-2 distance, each point weighted with the share of rows nearest to it. Lower is better."),
        PrototypeMetric.WassersteinUniform => (
            "W2 to the class's latents, uniform weights",
            "Exact Wasserstein-2 distance, every point weighted 1/K. Lower is better."),
        PrototypeMetric.Distortion => (
            "Quadratic distortion",
            "Mean squared distance of a row to its nearest point, on the rows the points were fitted to. Lower is better."),
        PrototypeMetric.HeldOutDistortion => (
            "Quadratic distortion on held-out rows",
            "Mean squared distance of a row to its nearest point, on rows no point was fitted to. Lower is better."),
        PrototypeMetric.VarianceExplained => (
            "Variance explained",
            "1 - distortion / variance of the rows: the share that the nearest points explain; 1 when nothing is lost."),
        PrototypeMetric.Energy => (
            "Energy distance to the class's latents",
            string.Create(CultureInfo.InvariantCulture,
                $"2 E|X - Z| - E|X - X'| - E|Z - Z'| with each arm's own weights, E|X - X'| of at most {EnergyTerms.MostRows:N0} rows. Lower is better.")),
        _ => (
            "Variance kept",
            "Variance of the weighted points over that of the rows; 1 when nothing is lost."),
    };

    private static int Decimals(PrototypeMetric metric, int decimals) =>
        metric is PrototypeMetric.VarianceKept or PrototypeMetric.VarianceExplained ? Math.Max(decimals, 2) : decimals;

    // Random points keep all the variance: the arms do not compete for it.
    private static BestIs Best(PrototypeMetric metric) =>
        metric is PrototypeMetric.VarianceKept or PrototypeMetric.VarianceExplained ? BestIs.Unmarked : BestIs.Lowest;
}
