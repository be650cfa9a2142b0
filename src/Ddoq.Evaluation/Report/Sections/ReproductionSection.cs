using Ddoq.Evaluation.Tables;

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
        var table = new ComparisonTable("Files", new TableColumn("Path"), new TableColumn("Role"), TableColumn.Figures("Size"), new TableColumn("Hash"));
        foreach (ReportArtefact artefact in artefacts)
        {
            table.AddRow(
                new TableCell(artefact.Path) { IsCode = true },
                artefact.Role ?? "",
                artefact.Bytes is { } bytes ? new TableCell(Format.Bytes(bytes), bytes) : "–",
                artefact.Hash is { } hash ? new TableCell(hash) { IsCode = true } : "–");
        }

        page.Table(table);
    }
}
