using System.Buffers.Binary;
using System.Globalization;
using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>The distilled images with their weights.</summary>
internal static class ImageSection
{
    /// <summary>Images up to this width are magnified by a whole factor, with hard pixel edges.</summary>
    public const int TinyWidth = 64;

    private const int CellWidth = 88;
    private const int PhotographWidth = 176;

    public static void Write(ReportPage page, IReadOnlyList<ReportClass> classes)
    {
        ReportClass[] shown = [.. classes.Where(c => c.Images.Count > 0)];
        string scheme = page.Model.WeightScheme is { } weights ? $" ({weights})" : "";
        page.Paragraph(
            $"Every image stands for a cluster of training images. Below it: its weight w in the student's loss{scheme}, and n, the number of training images in its cluster. "
            + "The bar is the weight on the scale of the class's largest; the notch marks the class's mean weight.");
        if (shown.Length < classes.Count)
            page.Paragraph($"{Format.Whole(shown.Length)} of {Format.Count(classes.Count, "class", "classes")} are shown.", "note");
        foreach (ReportClass item in shown)
            WriteClass(page.Markup, item);
    }

    private static void WriteClass(MarkupWriter markup, ReportClass item)
    {
        double[] weights = item.AllWeights;
        double largest = weights.Max(), mean = weights.Average();
        string omitted = weights.Length > item.Images.Count
            ? $"{Format.Whole(item.Images.Count)} of {Format.Count(weights.Length, "image", "images")}"
            : Format.Count(item.Images.Count, "image", "images");
        markup.Open("div", ("class", "class")).Open("h3").Text(item.Name).Element("span", omitted, ("class", "aside")).Close().Line();
        (int firstWidth, _) = PngHeader.ReadSize(item.Images[0].Png.Span, $"class '{item.Name}', image 1");
        markup.Open("ol", ("class", firstWidth <= TinyWidth ? "images small" : "images"), ("style", $"--cell:{Format.Whole(DisplayWidth(firstWidth))}px")).Line();
        for (int i = 0; i < item.Images.Count; i++)
            WriteImage(markup, item, i, largest, mean);
        markup.Close().Close().Line();
    }

    private static void WriteImage(MarkupWriter markup, ReportClass item, int index, double largest, double mean)
    {
        ReportImage image = item.Images[index];
        string place = string.Create(CultureInfo.InvariantCulture, $"class '{item.Name}', image {index + 1}");
        (int width, int height) = PngHeader.ReadSize(image.Png.Span, place);
        int shownWidth = DisplayWidth(width);
        int shownHeight = (int)Math.Round((double)shownWidth * height / width);
        string size = image.ClusterSize is { } rows ? $", {Format.Count(rows, "training image", "training images")}" : "";
        string alternative = $"Distilled image {Format.Whole(index + 1)} of {item.Name}, weight {Format.Significant(image.Weight)}{size}";
        markup.Open("li").Void(
            "img",
            ("class", width <= TinyWidth ? "tiny" : null),
            ("src", MarkupWriter.DataUri("image/png", image.Png.Span)),
            ("width", Format.Coordinate(shownWidth)),
            ("height", Format.Coordinate(shownHeight)),
            ("loading", "lazy"),
            ("alt", alternative));
        markup.Open("span", ("class", "weight"), ("aria-hidden", "true"))
            .Element("span", "", ("style", $"width:{Percent(image.Weight, largest)}"))
            .Element("i", "", ("style", $"left:{Percent(mean, largest)}"))
            .Close();
        markup.Open("span", ("class", "legend")).Element("span", "w\u2009" + Format.Fixed(image.Weight, Math.Max(0, Format.DecimalsFor(mean) - 1)));
        if (image.ClusterSize is { } cluster)
            markup.Element("span", "n\u2009" + Format.Whole(cluster));
        markup.Close().Close().Line();
    }

    /// <summary>The width at which a picture of many images shows one.</summary>
    public static int ThumbnailWidth(int width) => width <= TinyWidth ? width * Math.Max(1, TinyWidth / width) : CellWidth;

    private static int DisplayWidth(int width) => width <= TinyWidth
        ? width * Math.Max(1, CellWidth / width)
        : Math.Min(width, PhotographWidth);

    private static string Percent(double value, double largest) =>
        Format.Coordinate(largest > 0 ? Math.Clamp(100 * value / largest, 0, 100) : 0) + "%";
}

/// <summary>One class's candidates as a picture, the chosen ones framed.</summary>
internal static class CandidateSection
{
    public static void Write(ReportPage page, CandidateSheet sheet)
    {
        int chosen = sheet.Candidates.Count(candidate => candidate.IsChosen);
        page.Paragraph(
            $"All {Format.Count(sheet.Candidates.Count, "candidate", "candidates")} of the class {sheet.ClassName}, "
            + (sheet.Candidates.Any(candidate => candidate.Prototype.HasValue) ? "a line per prototype" : "in order")
            + $". The {Format.Whole(chosen)} framed ones were kept by the objective {sheet.Objective}; the others are shown faded.");
        int index = 0;
        page.Markup.Open("div", ("class", "candidates")).Line();
        foreach (IGrouping<int?, ReportCandidate> line in sheet.Candidates.GroupBy(candidate => candidate.Prototype))
        {
            page.Markup.Open("ol", ("aria-label", line.Key is { } prototype ? $"Prototype {Format.Whole(prototype + 1)}" : "Candidates")).Line();
            foreach (ReportCandidate candidate in line)
                WriteCandidate(page.Markup, sheet.ClassName, candidate, index++);
            page.Markup.Close().Line();
        }

        page.Markup.Close().Line();
    }

    private static void WriteCandidate(MarkupWriter markup, string className, ReportCandidate candidate, int index)
    {
        string place = string.Create(CultureInfo.InvariantCulture, $"class '{className}', candidate {index + 1}");
        (int width, int height) = PngHeader.ReadSize(candidate.Png.Span, place);
        int shown = ImageSection.ThumbnailWidth(width);
        string weight = candidate.Weight is { } value ? $", weight {Format.Significant(value)}" : "";
        string classes = $"{(width <= ImageSection.TinyWidth ? "tiny" : "")}{(candidate.IsChosen ? " chosen" : "")}".Trim();
        markup.Open("li").Void(
            "img",
            ("class", classes.Length > 0 ? classes : null),
            ("src", MarkupWriter.DataUri("image/png", candidate.Png.Span)),
            ("width", Format.Coordinate(shown)),
            ("height", Format.Coordinate(Math.Round((double)shown * height / width))),
            ("loading", "lazy"),
            ("alt", $"Candidate {Format.Whole(index + 1)} of {className}, {(candidate.IsChosen ? "kept" : "not kept")}{weight}"));
        markup.Close().Line();
    }
}

/// <summary>The size of a PNG image, read from its first chunk.</summary>
internal static class PngHeader
{
    private const int HeaderLength = 24;

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <param name="png">The file.</param>
    /// <param name="where">Names the image in the message of the exception.</param>
    /// <exception cref="DdoqException">The bytes are not a PNG file, or its size is 0.</exception>
    public static (int Width, int Height) ReadSize(ReadOnlySpan<byte> png, string where)
    {
        if (png.Length < HeaderLength || !png.StartsWith(Signature) || !png[12..16].SequenceEqual("IHDR"u8))
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"{where}: the {png.Length} bytes are not a PNG image; the report embeds PNG files."),
                "Run the synthesis of this class again, or leave its images out of the report.");
        }

        int width = BinaryPrimitives.ReadInt32BigEndian(png[16..]);
        int height = BinaryPrimitives.ReadInt32BigEndian(png[20..]);
        return width > 0 && height > 0
            ? (width, height)
            : throw new DdoqException(string.Create(CultureInfo.InvariantCulture, $"{where}: a PNG image of {width}x{height} pixels has no content."));
    }
}
