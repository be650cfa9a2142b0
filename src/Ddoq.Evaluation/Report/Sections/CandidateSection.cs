using System.Globalization;
using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Report.Sections;

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
