using Ddoq.Evaluation.Report.Markup;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>What is needed to run the same again: configuration, environment, files with hashes.</summary>
internal static class ReproductionSection
{
    public static bool HasContent(ReportModel model) =>
        model.Configuration.Count > 0 || model.Environment.Count > 0 || model.Artefacts.Count > 0;

    public static void Write(ReportPage page)
    {
        ReportModel model = page.Model;
        if (model.Configuration.Count > 0)
        {
            page.Markup.Element("h3", "Effective configuration").Line();
            page.Facts(model.Configuration, "facts code");
        }

        if (model.Environment.Count > 0)
        {
            page.Markup.Element("h3", "Environment").Line();
            page.Facts(model.Environment, "facts");
        }

        if (model.Artefacts.Count > 0)
            WriteArtefacts(page, model.Artefacts);
    }

    private static void WriteArtefacts(ReportPage page, IReadOnlyList<ReportArtefact> artefacts)
    {
        MarkupWriter markup = page.Markup;
        page.BeginTable("Files");
        markup.Open("thead").Open("tr").Element("th", "Path", ("scope", "col")).Element("th", "Role", ("scope", "col"));
        markup.Element("th", "Size", ("scope", "col"), ("class", "num")).Element("th", "Hash", ("scope", "col"));
        markup.Close().Close().Line().Open("tbody").Line();
        foreach (ReportArtefact artefact in artefacts)
        {
            markup.Open("tr").Open("th", ("scope", "row")).Element("code", artefact.Path).Close();
            markup.Element("td", artefact.Role ?? "");
            markup.Element("td", artefact.Bytes is { } bytes ? Format.Bytes(bytes) : "–", ("class", "num"));
            markup.Open("td");
            if (artefact.Hash is null)
                markup.Text("–");
            else
                markup.Element("code", artefact.Hash, ("class", "hash"));
            markup.Close().Close().Line();
        }

        markup.Close();
        page.EndTable();
    }
}
