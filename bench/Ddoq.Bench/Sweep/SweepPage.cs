using System.Globalization;
using System.Text;
using Ddoq.Evaluation.Statistics;
using Ddoq.Pipeline.Results;
using ScottPlot;

namespace Ddoq.Bench.Sweep;

/// <summary>The table and the plot of a sweep.</summary>
internal static class SweepPage
{
    /// <summary>The table in Markdown.</summary>
    public static string Table(IReadOnlyList<SweepPoint> points, IReadOnlyList<StudentResult> students, IReadOnlyDictionary<string, double[]> decoded, IReadOnlyDictionary<string, double> distances, int updates)
    {
        var text = new StringBuilder("| images from | network | start alpha-bar | W2 | accuracy, held-out images, % | the same students, held-out images encoded and decoded, % |\n|---|---|---|---|---|---|\n");
        foreach (SweepPoint point in points)
        {
            string network = point.Model.Length > 0 ? point.Model : "-";
            text.Append(CultureInfo.InvariantCulture, $"| {point.Source} | {network} | {point.Level} | {distances[point.Name]:F2} | {Statistics(point, students).Format()} | {RunStatistics.From([.. decoded[point.Name].Select(accuracy => 100 * accuracy)]).Format()} |\n");
        }

        return text.Append(CultureInfo.InvariantCulture, $"\nMean ± standard error over {Statistics(points[0], students).Count} student seeds, {updates} updates each.\n").ToString();
    }

    /// <summary>Accuracy and W2 against the start level, one line per network.</summary>
    public static void SavePlot(IReadOnlyList<SweepPoint> points, IReadOnlyList<StudentResult> students, IReadOnlyDictionary<string, double> distances, string path)
    {
        var multiplot = new Multiplot();
        multiplot.AddPlots(2);
        Plot accuracy = multiplot.GetPlot(0), distance = multiplot.GetPlot(1);
        foreach (string model in points.Select(point => point.Model).Where(name => name.Length > 0).Distinct())
        {
            SweepPoint[] curve = [.. points.Where(point => (point.Model == model || point.Model.Length == 0) && point.AlphaBar is not null && point.Source is SweepPoint.Centres or SweepPoint.Noise)
                .Where(point => point.Source == SweepPoint.Centres || point.Model == model).OrderByDescending(point => point.AlphaBar)];
            double[] x = [.. curve.Select(point => point.AlphaBar!.Value)];
            RunStatistics[] statistics = [.. curve.Select(point => Statistics(point, students))];
            var line = accuracy.Add.Scatter(x, [.. statistics.Select(s => s.Mean)]);
            line.LegendText = model;
            var bars = accuracy.Add.ErrorBar(x, [.. statistics.Select(s => s.Mean)], [.. statistics.Select(s => s.StandardError)]);
            bars.Color = line.Color;
            var far = distance.Add.Scatter(x, [.. curve.Select(point => distances[point.Name])]);
            far.Color = line.Color;
            far.LegendText = model;
        }

        foreach (SweepPoint control in points.Where(point => point.Model.Length == 0 && point.Source != SweepPoint.Centres))
        {
            string name = control.AlphaBar == 1 ? "random images, encoded and decoded" : control.Source;
            LinePattern pattern = control.AlphaBar == 1 ? LinePattern.Dotted : LinePattern.Dashed;
            var level = accuracy.Add.HorizontalLine(Statistics(control, students).Mean, color: Colors.Grey, pattern: pattern);
            level.LegendText = name;
            var far = distance.Add.HorizontalLine(distances[control.Name], color: Colors.Grey, pattern: pattern);
            far.LegendText = name;
        }

        accuracy.Title("Held-out accuracy in %, ± standard error");
        distance.Title("W2 to the class's latents");
        foreach (Plot plot in new[] { accuracy, distance })
        {
            plot.XLabel("start alpha-bar: 1 is the decoded centre, 0 is pure noise");
            plot.ShowLegend(plot == accuracy ? Alignment.LowerLeft : Alignment.UpperRight);
        }

        multiplot.SavePng(path, 900, 900);
    }

    private static RunStatistics Statistics(SweepPoint point, IReadOnlyList<StudentResult> students) =>
        RunStatistics.From([.. students.Where(student => student.Arm == point.Name).Select(student => 100 * student.LastAccuracy)]);
}
