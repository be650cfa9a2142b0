using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Report.Charts;

/// <summary>
/// Horizontal dot chart: one line per item, marks on a common axis. Positions, not lengths, carry the figures, so the axis
/// need not start at 0.
/// </summary>
internal static class DotChart
{
    private const double Width = 920;
    private const double PlainRowHeight = 28;
    private const double RunsRowHeight = 36;
    private const int LabelCharacters = 30;

    /// <param name="markup">Where to write.</param>
    /// <param name="rows">The lines, top to bottom.</param>
    /// <param name="axisTitle">Quantity and unit.</param>
    /// <param name="series">Names and numbers for the legend; empty for none.</param>
    /// <param name="valueTitle">The heading of the texts at the right; null for none.</param>
    /// <param name="description">What the chart shows, for those who do not see it.</param>
    public static void Write(
        MarkupWriter markup,
        IReadOnlyList<DotRow> rows,
        string axisTitle,
        IReadOnlyList<(string Name, int Series)> series,
        string? valueTitle,
        string description)
    {
        double left = Math.Max(60, rows.Max(row => Svg.TextWidth(Svg.Shorten(row.Label, LabelCharacters))) + 16);
        double valueWidth = rows.Max(row => row.Value is null ? 0 : Svg.TextWidth(row.Value));
        double right = Width - 12 - (valueWidth > 0 ? Math.Max(valueWidth, Svg.TextWidth(valueTitle ?? "")) + 16 : 4);
        double rowHeight = rows.Any(row => row.Dots.Any(dot => dot.Runs is not null)) ? RunsRowHeight : PlainRowHeight;
        double top = (series.Count > 0 ? 34 : 8) + (valueTitle is null || series.Count > 0 ? 0 : 18);
        double bottom = top + (rows.Count * rowHeight) + 4;
        LinearScale scale = Scale(rows);

        Svg.Begin(markup, Width, bottom + 44, description);
        Svg.Legend(markup, series, left, LabelCharacters);
        if (valueTitle is not null)
            Svg.Text(markup, valueTitle, Width - 12, top - 8, "end", "tick");
        for (int r = 0; r < rows.Count; r++)
        {
            if (rows[r].IsEmphasised)
                Svg.Rectangle(markup, "band", 0, top + (r * rowHeight) + 2, Width, rowHeight);
        }

        Svg.HorizontalAxis(markup, scale, left, right, top, bottom, axisTitle);
        for (int r = 0; r < rows.Count; r++)
            WriteRow(markup, rows[r], scale, left, right, top + (r * rowHeight) + 2 + (rowHeight / 2));
        markup.Close().Line();
    }

    private static LinearScale Scale(IReadOnlyList<DotRow> rows)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        IEnumerable<DotRow> competing = rows.Any(row => !row.IsReference) ? rows.Where(row => !row.IsReference) : rows;
        foreach (Dot dot in competing.SelectMany(row => row.Dots))
        {
            double half = double.IsFinite(dot.HalfWidth) ? dot.HalfWidth : 0;
            low = Math.Min(low, Math.Min(dot.Value - half, dot.Runs?.DefaultIfEmpty(dot.Value).Min() ?? dot.Value));
            high = Math.Max(high, Math.Max(dot.Value + half, dot.Runs?.DefaultIfEmpty(dot.Value).Max() ?? dot.Value));
        }

        // A reference near the others is worth a wider axis; one far away would squeeze the differences that matter.
        double limit = (high - low) * 0.6;
        foreach (double value in rows.Where(row => row.IsReference).SelectMany(row => row.Dots).Select(dot => dot.Value).Where(v => v >= low - limit && v <= high + limit).ToArray())
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
        return LinearScale.Cover(low, high);
    }

    private static void WriteRow(MarkupWriter markup, DotRow row, LinearScale scale, double left, double right, double y)
    {
        Svg.Text(markup, Svg.Shorten(row.Label, LabelCharacters), left - 12, y + 4.5, "end", row.IsEmphasised ? "label strong" : "label");
        if (row.Value is not null)
            Svg.Text(markup, row.Value, Width - 12, y + 4.5, "end", row.IsEmphasised ? "label strong" : "label");
        if (row.Dots.Count > 1)
        {
            double[] positions = [.. row.Dots.Select(dot => scale.Map(dot.Value, left, right))];
            Svg.Line(markup, "link", positions.Min(), y, positions.Max(), y);
        }

        foreach (Dot dot in row.Dots)
            WriteDot(markup, dot, scale, left, right, y);
    }

    private static void WriteDot(MarkupWriter markup, Dot dot, LinearScale scale, double left, double right, double y)
    {
        if (dot.Value > scale.Maximum || dot.Value < scale.Minimum)
        {
            double tip = dot.Value > scale.Maximum ? right : left;
            double back = dot.Value > scale.Maximum ? -1 : 1;
            Svg.Path(markup, $"whisker s{dot.Series % 6}", $"M{At(tip + (24 * back), y)}L{At(tip, y)}M{At(tip + (6 * back), y - 4)}L{At(tip, y)}L{At(tip + (6 * back), y + 4)}");
            return;
        }

        double line = dot.Runs is null ? y : y - 4;
        foreach (double run in dot.Runs ?? [])
            Svg.Marker(markup, dot.Series, scale.Map(run, left, right), y + 8, 2.8, "run");
        double x = scale.Map(dot.Value, left, right);
        if (dot.HalfWidth > 0)
        {
            double low = scale.Map(dot.Value - dot.HalfWidth, left, right), high = scale.Map(dot.Value + dot.HalfWidth, left, right);
            Svg.Path(
                markup,
                $"whisker s{dot.Series % 6}",
                $"M{At(low, line - 4)}L{At(low, line + 4)}M{At(low, line)}L{At(high, line)}M{At(high, line - 4)}L{At(high, line + 4)}");
        }

        Svg.Marker(markup, dot.Series, x, line, 5, "mark");
    }

    private static string At(double x, double y) => $"{Format.Coordinate(x)} {Format.Coordinate(y)}";
}

/// <summary>One line of a dot chart.</summary>
/// <param name="Label">At the left.</param>
/// <param name="Dots">The marks.</param>
/// <param name="Value">Text at the right; null for none.</param>
/// <param name="IsEmphasised">The chart's subject.</param>
/// <param name="IsReference">The axis is not widened for it: off the axis, an arrow stands for the mark.</param>
internal sealed record DotRow(
    string Label, IReadOnlyList<Dot> Dots, string? Value = null, bool IsEmphasised = false, bool IsReference = false);

/// <summary>One mark: a figure of a series, optionally with an interval or the single runs behind it.</summary>
/// <param name="Series">Decides shape and colour.</param>
/// <param name="Value">The position.</param>
/// <param name="HalfWidth">Half the width of the interval around it; 0 or NaN for none.</param>
/// <param name="Runs">Single values, drawn as small dots below the mark.</param>
internal sealed record Dot(int Series, double Value, double HalfWidth = 0, IReadOnlyList<double>? Runs = null);
