using System.Reflection;
using System.Text;
using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Report.Markup;
using Ddoq.Evaluation.Report.Sections;
using Ddoq.Evaluation.Tables;
using Ddoq.Storage;

namespace Ddoq.Evaluation.Report;

/// <summary>Writes a run's report as one HTML file that needs nothing else: no network, no scripts, no fonts.</summary>
/// <remarks>
/// The page is HTML5 that is also well-formed XML, follows the reader's light or dark preference, prints, and carries a
/// content security policy that forbids everything but its own inline style and images. The same model gives the same
/// bytes on every machine.
/// </remarks>
public static class ReportWriter
{
    private const string Policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

    private static readonly Lazy<string> StyleSheet = new(ReadStyleSheet);

    /// <summary>Writes the report; a reader of the file never sees a part of it.</summary>
    /// <param name="path">The file, for example <c>report.html</c>; an existing one is replaced. Its folder must exist.</param>
    /// <param name="model">What to show.</param>
    /// <exception cref="DdoqException">An image is not a PNG file, a figure is not finite, or the file cannot be written.</exception>
    public static void Write(string path, ReportModel model) => AtomicFile.WriteAllText(path, ToHtml(model));

    /// <summary>The report as a string.</summary>
    /// <exception cref="DdoqException">An image is not a PNG file, or a figure is not finite.</exception>
    public static string ToHtml(ReportModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var page = new ReportPage(model);
        HeadSection.Write(page);
        WriteSections(page);

        var markup = new MarkupWriter();
        markup.Raw("<!DOCTYPE html>\n").Open("html", ("lang", "en")).Line().Open("head").Line();
        markup.Void("meta", ("charset", "utf-8")).Line();
        markup.Void("meta", ("http-equiv", "Content-Security-Policy"), ("content", Policy)).Line();
        markup.Void("meta", ("name", "viewport"), ("content", "width=device-width, initial-scale=1")).Line();
        markup.Void("meta", ("name", "color-scheme"), ("content", "light dark")).Line();
        markup.Element("title", model.Title).Line();
        markup.Open("style").Raw("\n" + StyleSheet.Value).Close().Line().Close().Line().Open("body").Line();
        WriteContents(markup, page.Contents);
        markup.Open("main").Line();
        markup.Raw(page.Markup.ToString());
        markup.Element("footer", "Written by ddoq. This page is complete in itself: it loads nothing from the network and runs no scripts.").Line();
        return markup.Close().Line().Close().Line().Close().Line().ToString();
    }

    private static void WriteSections(ReportPage page)
    {
        ReportModel model = page.Model;
        if (FindingSection.HasContent(model))
            page.Section("finding", "What the sets keep of the data", () => FindingSection.Write(page));
        if (model.Accuracy is { Arms.Count: > 0 } accuracy)
            page.Section("accuracy", "Accuracy", () => AccuracySection.Write(page, accuracy));
        if (PredictionSection.HasContent(model))
            page.Section("prediction", "What predicts accuracy", () => PredictionSection.Write(page));
        if (model.Scores.Count > 0)
            page.Section("scores", "Scores", () => page.Table(DatasetScores.ToTable(model.Scores), ownRow: model.Highlight));
        if (model.Candidates is { Candidates.Count: > 0 } candidates)
            page.Section("candidates", "Candidates and choice", () => CandidateSection.Write(page, candidates));
        if (model.Prototypes is { Measurements.Count: > 0 } prototypes)
            page.Section("distance", "Distance to the data", () => DistanceSection.Write(page, prototypes));
        if (model.Classes.Any(c => c.Images.Count > 0))
            page.Section("images", "Distilled images", () => ImageSection.Write(page, model.Classes));
        ReportClass[] weighted = [.. model.Classes.Where(c => c.AllWeights.Length > 0)];
        if (weighted.Length > 0)
            page.Section("weights", "Weights", () => WeightSection.Write(page, weighted));
        if (model.Stages.Count > 0)
            page.Section("time", "Time", () => TimeSection.Write(page, model.Stages));
        foreach ((string section, ComparisonTable table) in model.Tables)
            page.Section(section.ToLowerInvariant().Replace(' ', '-'), section, () => page.Table(table));
        if (model.Notes.Count > 0)
        {
            page.Section("limits", "Limits", () =>
            {
                page.Markup.Open("ul", ("class", "notes")).Line();
                foreach (string note in model.Notes)
                    page.Markup.Element("li", note).Line();
                page.Markup.Close().Line();
            });
        }

        if (ReproductionSection.HasContent(model))
            page.Section("reproduction", "Reproduction", () => ReproductionSection.Write(page));
    }

    private static void WriteContents(MarkupWriter markup, List<(string Id, string Title)> contents)
    {
        if (contents.Count < 2)
            return;
        markup.Open("nav", ("aria-label", "Contents")).Open("ol").Line();
        foreach ((string id, string title) in contents)
            markup.Open("li").Element("a", title, ("href", "#" + id)).Close().Line();
        markup.Close().Close().Line();
    }

    private static string ReadStyleSheet()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("report.css")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
