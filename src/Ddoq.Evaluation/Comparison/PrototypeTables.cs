using System.Globalization;
using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Comparison;

/// <summary>Lays out a comparison as a table.</summary>
internal static class PrototypeTables
{
    public static ComparisonTable Build(
        PrototypeComparison comparison, PrototypeMetric metric, string? baseline, int maximumClasses, int decimals)
    {
        string[] arms = [.. comparison.Arms.Where(arm => comparison.Classes.All(c => comparison[arm, c].Value(metric).HasValue))];
        var table = new ComparisonTable(
            Title(metric), [new TableColumn("Class"), .. arms.Select(arm => new TableColumn(arm, CellAlignment.Right))]);
        foreach (int classIndex in comparison.Classes.Take(maximumClasses))
        {
            double[] values = [.. arms.Select(arm => comparison[arm, classIndex].Value(metric)!.Value)];
            string name = arms.Length > 0 ? comparison[arms[0], classIndex].ClassName : string.Empty;
            table.AddRow([TableCell.Label(name), .. TableCell.Numbers(values, decimals, BestIs.Lowest)]);
        }

        if (arms.Length > 0 && comparison.Classes.Count > 0)
        {
            double[] means = [.. arms.Select(arm => comparison.Mean(arm, metric)!.Value)];
            table.AddSummaryRow(["Mean", .. TableCell.Numbers(means, decimals, BestIs.Lowest)]);
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

        table.AddNote(Note(metric));
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
            string.Create(CultureInfo.InvariantCulture, $"W2 and distortion, means over {comparison.Classes.Count} classes"), [.. columns]);

        TableCell[][] byMetric = [.. metrics.Select(metric => TableCell.Numbers(
            [.. comparison.Arms.Select(arm => comparison.Mean(arm, metric) ?? double.NaN)], decimals, BestIs.Lowest))];
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

        table.AddNote("W2 uses each arm's own weights (1/K where it has none); with Voronoi weights its square is the distortion. Lower is better."
            + (hasChange ? $" Against {baseline}: mean of the classes' relative changes of W2." : ""));
        double gap = comparison.Measurements.Count == 0 ? 0 : comparison.Measurements.Max(m => m.RelativeDualityGap);
        table.AddNote(string.Create(CultureInfo.InvariantCulture,
            $"W2 is exact: the largest certified relative error of a squared distance is {gap:0.0e+0}."));
        return table;
    }

    private static string ShortTitle(PrototypeMetric metric) => metric switch
    {
        PrototypeMetric.Wasserstein => "W2",
        PrototypeMetric.WassersteinVoronoi => "W2, Voronoi weights",
        PrototypeMetric.WassersteinUniform => "W2, uniform weights",
        PrototypeMetric.Distortion => "Distortion",
        _ => "Held-out distortion",
    };

    private static string Title(PrototypeMetric metric) => metric switch
    {
        PrototypeMetric.Wasserstein => "W2 to the class's latents",
        PrototypeMetric.WassersteinVoronoi => "W2 to the class's latents, Voronoi weights",
        PrototypeMetric.WassersteinUniform => "W2 to the class's latents, uniform weights",
        PrototypeMetric.Distortion => "Quadratic distortion",
        _ => "Quadratic distortion on held-out rows",
    };

    private static string Note(PrototypeMetric metric) => metric switch
    {
        PrototypeMetric.Wasserstein => "Exact Wasserstein-2 distance with each arm's own weights (1/K where it has none). Lower is better.",
        PrototypeMetric.WassersteinVoronoi => "Exact Wasserstein-2 distance, each centre weighted with the share of rows nearest to it. Lower is better.",
        PrototypeMetric.WassersteinUniform => "Exact Wasserstein-2 distance, every centre weighted 1/K. Lower is better.",
        PrototypeMetric.Distortion => "Mean squared distance of a row to its nearest centre, on the rows the centres were fitted to. Lower is better.",
        _ => "Mean squared distance of a row to its nearest centre, on rows no centre was fitted to. Lower is better.",
    };
}
