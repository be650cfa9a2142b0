using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Report.Charts;

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
