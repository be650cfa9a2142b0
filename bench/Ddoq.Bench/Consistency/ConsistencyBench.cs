using System.Globalization;
using System.Numerics.Tensors;
using System.Text;
using Ddoq.Quantization;
using ScottPlot;

namespace Ddoq.Bench.Consistency;

/// <summary>Distortion against K beside the law of optimal quantisation.</summary>
/// <remarks>
/// For a uniform distribution on the unit cube of d dimensions the lowest W2 of K points is sqrt(d G_d) K^(-1/d) as K grows
/// (Zador's theorem), with G_d the normalised second moment of the best lattice known (Conway and Sloane). Corollary 1 of the DDOQ
/// paper rests on that rate.
/// </remarks>
internal static class ConsistencyBench
{
    private const int Rows = 8000, Fresh = 20_000;

    private static readonly (int Dimension, double Moment)[] Laws = [(1, 1.0 / 12), (2, 0.0801875), (3, 0.0785433), (4, 0.0766032), (8, 0.0716821)];
    private static readonly int[] Counts = [4, 8, 16, 32, 64, 128, 256];

    /// <summary>Writes <c>consistency.md</c> and <c>consistency.png</c>.</summary>
    public static void Run(string output)
    {
        Directory.CreateDirectory(output);
        var plot = new Plot();
        var text = new StringBuilder(
            $"""
            # Distortion against K

            {Rows} points uniform on the unit cube of d dimensions, embedded in {UniformCube.AmbientDimension}; `hartigan`, 4 restarts. W2 is measured on {Fresh} fresh points,
            the law is sqrt(d G_d) K^(-1/d), exact as K grows. Slopes are least squares of log W2 on log K over K >= 32.

            | d | K | W2, points of the fit | W2, fresh points | law | fresh / law |
            |---|---|---|---|---|---|

            """);
        var slopes = new StringBuilder("\n| d | slope measured | -1/d |\n|---|---|---|\n");
        using var quantizer = new CpuQuantizer();
        foreach ((int d, double moment) in Laws)
        {
            var cube = new UniformCube(d, seed: 7);
            float[] rows = cube.Draw(Rows, 1, (ulong)d), fresh = cube.Draw(Fresh, 2, (ulong)d);
            var measured = new List<double>();
            foreach (int k in Counts)
            {
                var options = new QuantizerOptions { CentroidCount = k, Algorithm = QuantizationAlgorithm.Hartigan, Restarts = 4, Seed = 3 };
                ClassQuantization result = quantizer.FitClass(UniformCube.Source(rows), 0, options, default);
                double inside = Math.Sqrt(result.Distortion) / UniformCube.Scale, outside = Math.Sqrt(MeanSquaredDistance(fresh, result.Centroids, k)) / UniformCube.Scale;
                double law = Math.Sqrt(d * moment) * Math.Pow(k, -1.0 / d);
                measured.Add(outside);
                text.Append(CultureInfo.InvariantCulture, $"| {d} | {k} | {inside:F5} | {outside:F5} | {law:F5} | {outside / law:F3} |\n");
                Console.WriteLine(FormattableString.Invariant($"d = {d}, K = {k}: {outside:F5}, law {law:F5}"));
            }

            double[] x = [.. Counts.Select(k => Math.Log10(k))];
            var points = plot.Add.Scatter(x, [.. measured.Select(Math.Log10)]);
            points.LegendText = $"d = {d}";
            points.LineWidth = 0;
            points.MarkerSize = 8;
            var line = plot.Add.Line(x[0], Math.Log10(Math.Sqrt(d * moment)) - (x[0] / d), x[^1], Math.Log10(Math.Sqrt(d * moment)) - (x[^1] / d));
            line.LineColor = points.Color;
            slopes.Append(CultureInfo.InvariantCulture, $"| {d} | {Slope(x[3..], [.. measured.Skip(3).Select(Math.Log10)]):F3} | {-1.0 / d:F3} |\n");
        }

        plot.Title("W2 on fresh points (dots) and sqrt(d G) K^(-1/d) (lines)");
        plot.XLabel("log10 K");
        plot.YLabel("log10 W2");
        plot.ShowLegend(Alignment.LowerLeft);
        plot.SavePng(Path.Combine(output, "consistency.png"), 900, 600);
        File.WriteAllText(Path.Combine(output, "consistency.md"), text.Append(slopes).ToString());
    }

    private static double MeanSquaredDistance(float[] rows, float[] centroids, int k)
    {
        const int D = UniformCube.AmbientDimension;
        double sum = 0;
        for (int i = 0; i < rows.Length; i += D)
        {
            double best = double.PositiveInfinity;
            for (int c = 0; c < k; c++)
                best = Math.Min(best, TensorPrimitives.Distance(rows.AsSpan(i, D), centroids.AsSpan(c * D, D)));
            sum += best * best;
        }

        return sum / (rows.Length / D);
    }

    private static double Slope(double[] x, double[] y)
    {
        double mx = x.Average(), my = y.Average();
        return x.Zip(y, (a, b) => (a - mx) * (b - my)).Sum() / x.Sum(a => (a - mx) * (a - mx));
    }
}
