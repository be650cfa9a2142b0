using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>Where the time went.</summary>
internal static class TimeSection
{
    public static void Write(ReportPage page, IReadOnlyList<StageTime> stages)
    {
        double total = stages.Sum(stage => stage.Duration.TotalSeconds);
        bool hasItems = stages.Any(stage => stage.Items.HasValue);
        bool hasDetails = stages.Any(stage => stage.Detail is not null);
        List<TableColumn> columns = [new("Stage"), TableColumn.Figures("Time"), new("Share")];
        if (hasItems)
            columns.AddRange([TableColumn.Figures("Work"), TableColumn.Figures("Rate")]);
        if (hasDetails)
            columns.Add(new TableColumn("Where and how"));
        var table = new ComparisonTable("Wall-clock time per stage", [.. columns]);
        foreach (StageTime stage in stages)
        {
            double share = total > 0 ? stage.Duration.TotalSeconds / total : 0;
            List<TableCell> cells =
            [
                stage.Name,
                new TableCell(Format.Duration(stage.Duration), stage.Duration.TotalSeconds),
                new TableCell(Format.Fixed(100 * share, 1) + Format.UnitSpace + "%", share) { Share = share },
            ];
            if (hasItems)
                cells.AddRange([stage.Items is { } items ? new TableCell($"{Format.Whole(items)} {stage.Unit}".TrimEnd(), items) : "–", Rate(stage)]);
            if (hasDetails)
                cells.Add(stage.Detail ?? "");
            table.AddRow([.. cells]);
        }

        table.AddSummaryRow(
        [
            "Total",
            new TableCell(Format.Duration(TimeSpan.FromSeconds(total)), total),
            .. Enumerable.Repeat(TableCell.Empty, columns.Count - 2),
        ]);
        page.Table(table);
    }

    /// <summary>Units per second, or the time of one unit where that is the longer.</summary>
    private static string Rate(StageTime stage)
    {
        if (stage.Items is not { } items || items <= 0 || stage.Duration <= TimeSpan.Zero)
            return "–";
        double perSecond = items / stage.Duration.TotalSeconds;
        return perSecond >= 1
            ? $"{Format.Significant(perSecond)}{Format.UnitSpace}/{Format.UnitSpace}s"
            : Format.Duration(stage.Duration / items) + " each";
    }
}

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
