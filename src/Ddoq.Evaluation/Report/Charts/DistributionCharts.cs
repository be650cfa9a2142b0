using System.Text;
using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Report.Charts;

/// <summary>Empirical cumulative distributions: for each value, the share of items at or below it.</summary>
internal static class CumulativeChart
{
    private const double Width = 920;
    private const double Height = 320;
    private const double Left = 62;
    private const double Right = Width - 14;
    private const double Top = 38;
    private const double Bottom = Height - 46;

    /// <param name="markup">Where to write.</param>
    /// <param name="series">Names and values; each with at least one value.</param>
    /// <param name="axisTitle">Quantity and unit of the values.</param>
    /// <param name="shareTitle">What the shares are of.</param>
    /// <param name="description">What the chart shows, for those who do not see it.</param>
    public static void Write(
        MarkupWriter markup,
        IReadOnlyList<(string Name, int Series, double[] Values)> series,
        string axisTitle,
        string shareTitle,
        string description)
    {
        LinearScale across = LinearScale.Cover(series.Min(s => s.Values.Min()), series.Max(s => s.Values.Max()), 8);
        LinearScale up = LinearScale.Cover(0, 100, 4);
        Svg.Begin(markup, Width, Height, description);
        Svg.VerticalAxis(markup, up, Left, Right, Top, Bottom, shareTitle);
        Svg.HorizontalAxis(markup, across, Left, Right, Top, Bottom, axisTitle);
        if (across.Minimum < 0 && across.Maximum > 0)
        {
            double zero = across.Map(0, Left, Right);
            Svg.Line(markup, "reference", zero, Top - 6, zero, Bottom);
        }

        foreach ((_, int index, double[] values) in series)
            Svg.Path(markup, $"step s{index % 6}", Steps(values, across, up));
        Svg.Legend(markup, [.. series.Select(s => (s.Name, s.Series))], Left, 30);
        markup.Close().Line();
    }

    private static string Steps(double[] values, LinearScale across, LinearScale up)
    {
        double[] sorted = [.. values.Order()];
        var path = new StringBuilder();
        path.Append('M').Append(Format.Coordinate(Left)).Append(' ').Append(Format.Coordinate(Bottom));
        for (int i = 0; i < sorted.Length; i++)
        {
            path.Append('H').Append(Format.Coordinate(across.Map(sorted[i], Left, Right)));
            path.Append('V').Append(Format.Coordinate(up.Map(100.0 * (i + 1) / sorted.Length, Bottom, Top)));
        }

        return path.Append('H').Append(Format.Coordinate(Right)).ToString();
    }
}

/// <summary>A histogram with equal bins from 0.</summary>
internal static class HistogramChart
{
    private const double Width = 920;
    private const double Height = 250;
    private const double Left = 62;
    private const double Right = Width - 14;
    private const double Top = 20;
    private const double Bottom = Height - 46;
    private const int TargetBins = 30;

    /// <param name="markup">Where to write.</param>
    /// <param name="values">The values, not negative, at least one.</param>
    /// <param name="axisTitle">Quantity and unit of the values.</param>
    /// <param name="countTitle">What is counted.</param>
    /// <param name="reference">A value to mark with a dashed line.</param>
    /// <param name="referenceLabel">Its name.</param>
    /// <param name="description">What the chart shows, for those who do not see it.</param>
    public static void Write(
        MarkupWriter markup,
        ReadOnlySpan<double> values,
        string axisTitle,
        string countTitle,
        double reference,
        string referenceLabel,
        string description)
    {
        double high = reference * 1.5;
        foreach (double value in values)
            high = Math.Max(high, value);
        LinearScale across = LinearScale.Cover(0, high, 8);
        // A whole number of bins per tick keeps the bins' edges on round values.
        int binsPerTick = Math.Max(1, TargetBins / (across.Ticks.Count - 1));
        var counts = new int[binsPerTick * (across.Ticks.Count - 1)];
        double binWidth = across.Maximum / counts.Length;
        foreach (double value in values)
            counts[Math.Min((int)(value / binWidth), counts.Length - 1)]++;
        LinearScale up = LinearScale.Cover(0, Math.Max(counts.Max(), 4), 4);

        Svg.Begin(markup, Width, Height, description);
        Svg.VerticalAxis(markup, up, Left, Right, Top, Bottom, countTitle);
        for (int b = 0; b < counts.Length; b++)
        {
            if (counts[b] == 0)
                continue;
            double x = across.Map(b * binWidth, Left, Right), next = across.Map((b + 1) * binWidth, Left, Right);
            double y = up.Map(counts[b], Bottom, Top);
            Svg.Rectangle(markup, "bar", x + 0.5, y, next - x - 1, Bottom - y);
        }

        foreach (double tick in across.Ticks)
            Svg.Text(markup, across.Label(tick), across.Map(tick, Left, Right), Bottom + 16, "middle", "tick");
        Svg.Line(markup, "axis", Left, Bottom, Right, Bottom);
        Svg.Text(markup, axisTitle, (Left + Right) / 2, Bottom + 35, "middle", "axis-title");
        double mark = across.Map(reference, Left, Right);
        Svg.Line(markup, "reference", mark, Top - 6, mark, Bottom);
        Svg.Text(markup, referenceLabel, mark + 6, Top + 2, "start", "tick");
        markup.Close().Line();
    }
}

/// <summary>A word-sized chart for a table's cell: values as bars, largest first, with their mean as a line.</summary>
internal static class SortedBars
{
    private const double Width = 120;
    private const double Height = 20;

    public static void Write(MarkupWriter markup, ReadOnlySpan<double> values, string description)
    {
        double[] sorted = [.. values.ToArray().OrderDescending()];
        double largest = sorted[0] > 0 ? sorted[0] : 1;
        double step = Width / sorted.Length;
        markup.Open(
            "svg",
            ("class", "spark"),
            ("viewBox", $"0 0 {Format.Coordinate(Width)} {Format.Coordinate(Height)}"),
            ("width", Format.Coordinate(Width)),
            ("height", Format.Coordinate(Height)),
            ("role", "img"),
            ("aria-label", description));
        for (int i = 0; i < sorted.Length; i++)
        {
            double height = Math.Max(0.5, sorted[i] / largest * Height);
            double gap = step > 3 ? 1 : 0;
            Svg.Rectangle(markup, "bar", i * step, Height - height, step - gap, height);
        }

        double mean = Height - (sorted.Average() / largest * Height);
        Svg.Line(markup, "reference", 0, mean, Width, mean);
        markup.Close();
    }
}
