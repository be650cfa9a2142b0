using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Report.Charts;

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
