using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Report.Charts;

/// <summary>Scatter plots side by side with a common vertical axis; every point carries its name.</summary>
internal static class ScatterChart
{
    private const double Width = 920;
    private const double Height = 380;
    private const double Left = 62;
    private const double Top = 14;
    private const double Bottom = Height - 46;
    private const double Gap = 34;
    private const double LineHeight = 14;
    private const int LabelCharacters = 18;

    /// <param name="markup">Where to write.</param>
    /// <param name="panels">The plots, left to right: horizontal axis and a value per item.</param>
    /// <param name="items">What the points are: name, colour, height.</param>
    /// <param name="verticalTitle">Quantity and unit of the heights.</param>
    /// <param name="description">What the chart shows, for those who do not see it.</param>
    public static void Write(
        MarkupWriter markup,
        IReadOnlyList<ScatterPanel> panels,
        IReadOnlyList<ScatterItem> items,
        string verticalTitle,
        string description)
    {
        LinearScale up = LinearScale.Cover(items.Min(item => item.Value - item.Margin), items.Max(item => item.Value + item.Margin), 5);
        double panelWidth = (Width - Left - 14 - (Gap * (panels.Count - 1))) / panels.Count;
        Svg.Begin(markup, Width, Height, description);
        Svg.VerticalAxis(markup, up, Left, Left + panelWidth, Top, Bottom, verticalTitle);
        for (int p = 0; p < panels.Count; p++)
        {
            double left = Left + (p * (panelWidth + Gap)), right = left + panelWidth;
            if (p > 0)
                Svg.HorizontalGrid(markup, up, left, right, Top, Bottom);
            LinearScale across = LinearScale.Cover(panels[p].Values.Min(), panels[p].Values.Max(), 5);
            Svg.HorizontalAxis(markup, across, left, right, Top, Bottom, panels[p].AxisTitle);
            WritePoints(markup, items, [.. panels[p].Values.Select(value => across.Map(value, left, right))], [.. items.Select(item => up.Map(item.Value, Bottom, Top))], up, left, right);
        }

        markup.Close().Line();
    }

    private static void WritePoints(
        MarkupWriter markup, IReadOnlyList<ScatterItem> items, double[] x, double[] y, LinearScale up, double left, double right)
    {
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i].Margin > 0)
            {
                double low = up.Map(items[i].Value - items[i].Margin, Bottom, Top), high = up.Map(items[i].Value + items[i].Margin, Bottom, Top);
                Svg.Line(markup, $"whisker s{items[i].Series % 6}", x[i], low, x[i], high);
            }

            Svg.Marker(markup, items[i].Series, x[i], y[i], 5, "mark");
        }

        var taken = new List<Box>();
        for (int i = 0; i < items.Count; i++)
        {
            double reach = Math.Max(6, y[i] - up.Map(items[i].Value + items[i].Margin, Bottom, Top));
            taken.Add(new Box(x[i] - 6, y[i] - reach, x[i] + 6, y[i] + reach));
        }

        for (int i = 0; i < items.Count; i++)
        {
            string label = Svg.Shorten(items[i].Name, LabelCharacters);
            Label place = Place(Svg.TextWidth(label), x[i], y[i], taken, left, right);
            taken.Add(place.Box);
            Svg.Text(markup, label, place.X, place.Y, place.Anchor, items[i].Series == 0 ? "label strong" : "label");
        }
    }

    /// <summary>Right, left, above or below the point: the first place that is free, else the one that covers the least.</summary>
    private static Label Place(double width, double x, double y, List<Box> taken, double left, double right)
    {
        Label[] places =
        [
            At("start", x + 9, y + 4.5, x + 9, y),
            At("end", x - 9, y + 4.5, x - 9 - width, y),
            At("middle", x, y - 11, x - (width / 2), y - 15.5),
            At("middle", x, y + 20, x - (width / 2), y + 15.5),
            At("start", x + 6, y - 9, x + 6, y - 13.5),
            At("end", x - 6, y - 9, x - 6 - width, y - 13.5),
            At("start", x + 6, y + 18, x + 6, y + 13.5),
            At("end", x - 6, y + 18, x - 6 - width, y + 13.5),
        ];
        return places.MinBy(Cost)!;

        Label At(string anchor, double textX, double textY, double boxLeft, double middle) =>
            new(anchor, textX, textY, new Box(boxLeft, middle - (LineHeight / 2), boxLeft + width, middle + (LineHeight / 2)));

        double Cost(Label label)
        {
            double outside = Math.Max(0, left - label.Box.Left) + Math.Max(0, label.Box.Right - right) + Math.Max(0, Top - label.Box.Top) + Math.Max(0, label.Box.Bottom - Bottom);
            return (outside * LineHeight) + taken.Sum(box => box.Overlap(label.Box));
        }
    }

    private readonly record struct Box(double Left, double Top, double Right, double Bottom)
    {
        public double Overlap(Box other) =>
            Math.Max(0, Math.Min(Right, other.Right) - Math.Max(Left, other.Left)) * Math.Max(0, Math.Min(Bottom, other.Bottom) - Math.Max(Top, other.Top));
    }

    private sealed record Label(string Anchor, double X, double Y, Box Box);
}

/// <summary>One scatter plot.</summary>
/// <param name="AxisTitle">Quantity and unit of the horizontal axis.</param>
/// <param name="Values">A value per item.</param>
internal sealed record ScatterPanel(string AxisTitle, IReadOnlyList<double> Values);

/// <summary>One point of every plot.</summary>
/// <param name="Name">Its label.</param>
/// <param name="Series">Decides shape and colour.</param>
/// <param name="Value">Its height.</param>
/// <param name="StandardError">Half the length of its whisker; NaN for none.</param>
internal sealed record ScatterItem(string Name, int Series, double Value, double StandardError)
{
    public double Margin => double.IsFinite(StandardError) ? StandardError : 0;
}
