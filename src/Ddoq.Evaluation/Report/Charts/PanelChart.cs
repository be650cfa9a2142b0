using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Report.Charts;

/// <summary>Several dot charts of the same lines side by side, each with an axis of its own.</summary>
internal static class PanelChart
{
    private const double Width = 920;
    private const double RowHeight = 28;
    private const double Gap = 46;
    private const int LabelCharacters = 24;

    /// <param name="markup">Where to write.</param>
    /// <param name="rows">The lines, top to bottom.</param>
    /// <param name="panels">The charts, left to right.</param>
    /// <param name="series">Names and numbers for the legend; empty for none.</param>
    /// <param name="description">What the chart shows, for those who do not see it.</param>
    public static void Write(
        MarkupWriter markup,
        IReadOnlyList<PanelRow> rows,
        IReadOnlyList<Panel> panels,
        IReadOnlyList<(string Name, int Series)> series,
        string description)
    {
        double labels = Math.Max(60, rows.Max(row => Svg.TextWidth(Svg.Shorten(row.Label, LabelCharacters))) + 18);
        double top = series.Count > 0 ? 34 : 10, bottom = top + (rows.Count * RowHeight) + 4;
        double panelWidth = (Width - labels - 8 - (Gap * (panels.Count - 1))) / panels.Count;
        Svg.Begin(markup, Width, bottom + 44, description);
        Svg.Legend(markup, series, labels, LabelCharacters);
        for (int r = 0; r < rows.Count; r++)
        {
            if (rows[r].IsEmphasised)
                Svg.Rectangle(markup, "band", 0, top + (r * RowHeight) + 2, Width, RowHeight);
            Svg.Text(
                markup, Svg.Shorten(rows[r].Label, LabelCharacters), labels - 14, Middle(r) + 4.5, "end", rows[r].IsEmphasised ? "label strong" : "label");
        }

        for (int p = 0; p < panels.Count; p++)
        {
            double left = labels + (p * (panelWidth + Gap));
            WritePanel(panels[p], left, left + panelWidth);
        }

        markup.Close().Line();

        double Middle(int row) => top + (row * RowHeight) + 2 + (RowHeight / 2);

        void WritePanel(Panel panel, double left, double right)
        {
            double[] values = [.. panel.Dots.SelectMany(dots => dots).Select(dot => dot.Value)];
            if (values.Length == 0)
                return;
            double low = values.Min(), high = values.Max();
            if (panel.Reference is { } ideal)
                (low, high) = (Math.Min(low, ideal), Math.Max(high, ideal));
            LinearScale scale = LinearScale.Cover(low, high, 4);
            Svg.HorizontalAxis(markup, scale, left, right, top, bottom, panel.AxisTitle);
            if (panel.Reference is { } reference)
                Svg.Line(markup, "reference", scale.Map(reference, left, right), top, scale.Map(reference, left, right), bottom);
            for (int r = 0; r < rows.Count; r++)
            {
                double[] positions = [.. panel.Dots[r].Select(dot => scale.Map(dot.Value, left, right))];
                if (positions.Length > 1)
                    Svg.Line(markup, "link", positions.Min(), Middle(r), positions.Max(), Middle(r));
                for (int d = 0; d < positions.Length; d++)
                    Svg.Marker(markup, panel.Dots[r][d].Series, positions[d], Middle(r), 5, "mark");
            }
        }
    }
}

/// <summary>One line of all panels.</summary>
/// <param name="Label">At the left.</param>
/// <param name="IsEmphasised">The chart's subject.</param>
internal sealed record PanelRow(string Label, bool IsEmphasised);

/// <summary>One chart of the row.</summary>
/// <param name="AxisTitle">Quantity and unit.</param>
/// <param name="Reference">A value to mark with a dashed line; null for none.</param>
/// <param name="Dots">The marks of every line; a line may have none.</param>
internal sealed record Panel(string AxisTitle, double? Reference, IReadOnlyList<IReadOnlyList<Dot>> Dots);
