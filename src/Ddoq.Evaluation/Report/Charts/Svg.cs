using System.Globalization;
using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Report.Charts;

/// <summary>The few SVG shapes that charts are made of.</summary>
internal static class Svg
{
    /// <summary>Different shapes as well as colours: charts stay readable without colour.</summary>
    private const int MarkerCount = 6;

    public static void Begin(MarkupWriter markup, double width, double height, string description) => markup.Open(
        "svg",
        ("class", "chart"),
        ("viewBox", $"0 0 {Format.Coordinate(width)} {Format.Coordinate(height)}"),
        ("width", Format.Coordinate(width)),
        ("height", Format.Coordinate(height)),
        ("role", "img"),
        ("aria-label", description));

    public static void Line(MarkupWriter markup, string style, double x1, double y1, double x2, double y2) => markup.Void(
        "line",
        ("class", style),
        ("x1", Format.Coordinate(x1)),
        ("y1", Format.Coordinate(y1)),
        ("x2", Format.Coordinate(x2)),
        ("y2", Format.Coordinate(y2)));

    public static void Rectangle(MarkupWriter markup, string style, double x, double y, double width, double height) => markup.Void(
        "rect",
        ("class", style),
        ("x", Format.Coordinate(x)),
        ("y", Format.Coordinate(y)),
        ("width", Format.Coordinate(width)),
        ("height", Format.Coordinate(height)));

    public static void Path(MarkupWriter markup, string style, string data) => markup.Void("path", ("class", style), ("d", data));

    /// <param name="markup">Where to write.</param>
    /// <param name="text">The text.</param>
    /// <param name="x">The anchor.</param>
    /// <param name="y">The baseline.</param>
    /// <param name="anchor"><c>start</c>, <c>middle</c> or <c>end</c>.</param>
    /// <param name="style">The style class.</param>
    /// <param name="turned">True for text that reads upwards.</param>
    public static void Text(
        MarkupWriter markup, string text, double x, double y, string anchor, string style, bool turned = false) => markup.Element(
        "text",
        text,
        ("class", style),
        ("x", Format.Coordinate(x)),
        ("y", Format.Coordinate(y)),
        ("text-anchor", anchor),
        ("transform", turned ? $"rotate(-90 {Format.Coordinate(x)} {Format.Coordinate(y)})" : null));

    /// <summary>A series' mark, centred.</summary>
    public static void Marker(MarkupWriter markup, int series, double x, double y, double radius, string style)
    {
        string shape = (series % MarkerCount) switch
        {
            0 => Polygon(24, 0, 1),
            1 => Polygon(4, 45, 1.2),
            2 => Polygon(3, -90, 1.3),
            3 => Polygon(4, 0, 1.3),
            4 => Polygon(3, 90, 1.3),
            _ => Polygon(6, 0, 1.1),
        };
        Path(markup, $"{style} s{series % MarkerCount}", shape);

        string Polygon(int corners, double startDegrees, double scale) => string.Concat(Enumerable.Range(0, corners).Select(i =>
        {
            double angle = (startDegrees + (360.0 * i / corners)) * Math.PI / 180;
            double cornerX = x + (radius * scale * Math.Cos(angle)), cornerY = y + (radius * scale * Math.Sin(angle));
            return $"{(i == 0 ? "M" : "L")}{Format.Coordinate(cornerX)} {Format.Coordinate(cornerY)}";
        })) + "Z";
    }

    /// <summary>Vertical grid lines with labels below and the axis's title; the plot's bottom is at <paramref name="bottom"/>.</summary>
    public static void HorizontalAxis(
        MarkupWriter markup, LinearScale scale, double left, double right, double top, double bottom, string title)
    {
        foreach (double tick in scale.Ticks)
        {
            double x = scale.Map(tick, left, right);
            Line(markup, "grid-line", x, top, x, bottom);
            Text(markup, scale.Label(tick), x, bottom + 16, "middle", "tick");
        }

        Line(markup, "axis", left, bottom, right, bottom);
        Text(markup, title, (left + right) / 2, bottom + 35, "middle", "axis-title");
    }

    /// <summary>Horizontal grid lines with labels at the left and the axis's title, turned.</summary>
    public static void VerticalAxis(
        MarkupWriter markup, LinearScale scale, double left, double right, double top, double bottom, string title)
    {
        HorizontalGrid(markup, scale, left, right, top, bottom);
        foreach (double tick in scale.Ticks)
            Text(markup, scale.Label(tick), left - 8, scale.Map(tick, bottom, top) + 4, "end", "tick");
        Text(markup, title, 14, (top + bottom) / 2, "middle", "axis-title", turned: true);
    }

    /// <summary>A horizontal line at every tick of a vertical axis.</summary>
    public static void HorizontalGrid(MarkupWriter markup, LinearScale scale, double left, double right, double top, double bottom)
    {
        foreach (double tick in scale.Ticks)
            Line(markup, "grid-line", left, scale.Map(tick, bottom, top), right, scale.Map(tick, bottom, top));
    }

    /// <summary>Marks and names in one line at the top.</summary>
    public static void Legend(MarkupWriter markup, IReadOnlyList<(string Name, int Series)> series, double left, int characters)
    {
        double x = left;
        foreach ((string name, int index) in series)
        {
            string shown = Shorten(name, characters);
            Marker(markup, index, x + 6, 12, 5, "mark");
            Text(markup, shown, x + 18, 16.5, "start", "label");
            x += 18 + TextWidth(shown) + 22;
        }
    }

    /// <summary>The room a label needs at the charts' text size, in pixels: an estimate, as no font is measured here.</summary>
    public static double TextWidth(string text) => 7.2 * text.EnumerateRunes().Count();

    /// <summary>A label cut to a number of characters.</summary>
    public static string Shorten(string text, int characters) => text.EnumerateRunes().Count() <= characters
        ? text
        : string.Concat(text.EnumerateRunes().Take(characters - 1).Select(rune => rune.ToString())).TrimEnd() + "…";
}

/// <summary>A linear axis with round tick values.</summary>
internal sealed class LinearScale
{
    private readonly int _decimals;

    private LinearScale(double minimum, double maximum, double step, int decimals)
    {
        Minimum = minimum;
        Maximum = maximum;
        _decimals = decimals;
        int count = (int)Math.Round((maximum - minimum) / step);
        Ticks = [.. Enumerable.Range(0, count + 1).Select(i => minimum + (i * step))];
    }

    public double Minimum { get; }

    public double Maximum { get; }

    public IReadOnlyList<double> Ticks { get; }

    /// <summary>An axis over all values, widened to round numbers (1, 2 or 5 times a power of ten apart).</summary>
    /// <param name="low">The smallest value.</param>
    /// <param name="high">The largest value.</param>
    /// <param name="targetTicks">About how many steps.</param>
    public static LinearScale Cover(double low, double high, int targetTicks = 6)
    {
        if (!(high > low))
        {
            double margin = low == 0 ? 1 : Math.Abs(low) * 0.05;
            (low, high) = (low - margin, high + margin);
        }

        double rough = (high - low) / targetTicks;
        int exponent = (int)Math.Floor(Math.Log10(rough));
        double power = Math.Pow(10, exponent);
        double fraction = rough / power;
        double step = (fraction <= 1.0001 ? 1 : fraction <= 2.0001 ? 2 : fraction <= 5.0001 ? 5 : 10) * power;
        double minimum = Math.Floor((low / step) + 1e-9) * step;
        double maximum = Math.Ceiling((high / step) - 1e-9) * step;
        int decimals = Math.Max(0, -(int)Math.Floor(Math.Log10(step) + 1e-9));
        return new LinearScale(minimum, maximum, step, decimals);
    }

    /// <summary>The position of a value on a stretch of pixels.</summary>
    public double Map(double value, double from, double to) =>
        from + ((value - Minimum) / (Maximum - Minimum) * (to - from));

    /// <summary>A tick's label.</summary>
    public string Label(double tick)
    {
        string format = string.Create(CultureInfo.InvariantCulture, $"N{Math.Min(_decimals, 10)}");
        // Ticks are multiples of the step up to rounding: no "-0".
        double clean = Math.Abs(tick) < (Maximum - Minimum) * 1e-9 ? 0 : tick;
        return clean.ToString(format, CultureInfo.InvariantCulture).Replace('-', '\u2212');
    }
}
