using System.Globalization;
using System.Text.Json.Nodes;
using Ddoq.Evaluation.Report;
using Ddoq.Evaluation.Tables;
using Ddoq.Imaging;
using Ddoq.Pipeline;

namespace Ddoq.Cli.Commands;

/// <summary>What <c>ddoq inspect</c> says of a dataset: on stdout, and as a page.</summary>
internal static class DataDescription
{
    // People read the head of a list; the page has more.
    private const int MostSizes = 10, MostDamaged = 20, MostDamagedOnPage = 500;

    /// <summary>Decodes every image of a data folder and counts.</summary>
    /// <exception cref="DdoqException">It is no dataset, or its files contradict each other.</exception>
    public static DatasetSurvey Survey(string folder, StageContext context)
    {
        bool started = false;
        try
        {
            return DatasetSurvey.Of(
                folder,
                context.Workers,
                (part, count) =>
                {
                    if (started)
                        context.Progress.End();
                    started = true;
                    context.Progress.Begin($"inspect {part}", count, "images", 0);
                },
                () => context.Progress.Advance(1),
                context.Cancellation);
        }
        finally
        {
            if (started)
                context.Progress.End();
        }
    }

    /// <summary>The facts as JSON.</summary>
    public static JsonObject Of(DatasetSurvey survey)
    {
        var result = new JsonObject { ["data"] = survey.Location };
        foreach (string missing in survey.Missing)
            result["missing"] = missing;
        foreach (PartSurvey part in survey.Parts)
        {
            string prefix = $"{part.Name}_";
            result[prefix + "images"] = part.Count;
            result[prefix + "class_count"] = part.ClassNames.Count;
            result[prefix + "damaged"] = part.Damaged.Count;
            result[prefix + "turned_by_exif"] = part.Turned;
            result[prefix + "size_count"] = part.Sizes.Count;
            result[prefix + "sizes"] = Rows(part.Sizes.Take(MostSizes), pair => [("size", pair.Size.ToString()), ("images", pair.Count)]);
            result[prefix + "modes"] = Rows(part.Modes, pair => [("mode", pair.Mode), ("images", pair.Count)]);
            result[prefix + "damaged_images"] = Rows(part.Damaged.Take(MostDamaged), image => [("image", image.Name), ("reason", image.Reason)]);
            result[prefix + "passed_over"] = Rows(part.PassedOver, Remark);
            result[prefix + "remarks"] = Rows(part.Remarks, Remark);
            result[prefix + "classes"] = Description.Rows(part.ClassNames.Count, c => new JsonObject { ["class"] = c, ["name"] = part.ClassNames[c], ["images"] = part.ClassCounts[c] });
        }

        return result;
    }

    /// <summary>Writes the facts as a page that needs nothing else.</summary>
    /// <exception cref="DdoqException">The file cannot be written.</exception>
    public static void WritePage(string path, DatasetSurvey survey)
    {
        var tables = new List<(string, ComparisonTable)>();
        foreach (PartSurvey part in survey.Parts)
        {
            string title = $"{char.ToUpperInvariant(part.Name[0])}{part.Name[1..]}";
            var classes = new ComparisonTable("Images of each class", new TableColumn("Class"), new TableColumn("Images", CellAlignment.Right));
            int most = Math.Max(1, part.ClassCounts.Max());
            for (int c = 0; c < part.ClassNames.Count; c++)
                classes.AddRow(part.ClassNames[c], TableCell.Whole(part.ClassCounts[c]) with { Share = (double)part.ClassCounts[c] / most });
            tables.Add(($"{title} classes", classes));
            var kinds = new ComparisonTable("Sizes and modes of the images", new TableColumn("Size or mode"), new TableColumn("Images", CellAlignment.Right));
            foreach ((ImageSize size, int count) in part.Sizes.Take(MostSizes))
                kinds.AddRow(size.ToString(), TableCell.Whole(count));
            if (part.Sizes.Count > MostSizes)
                kinds.AddNote(string.Create(CultureInfo.InvariantCulture, $"The {MostSizes} most frequent of {part.Sizes.Count} sizes."));
            foreach ((string mode, int count) in part.Modes)
                kinds.AddSummaryRow(mode, TableCell.Whole(count));
            kinds.AddSummaryRow("turned or mirrored by EXIF", TableCell.Whole(part.Turned));
            tables.Add(($"{title} images", kinds));
            if (part.PassedOver.Count + part.Remarks.Count > 0)
                tables.Add(($"{title} remarks", Table("What was passed over, and what is odd", part.PassedOver.Concat(part.Remarks))));
            if (part.Damaged.Count > 0)
                tables.Add(($"{title} damage", Damage(part.Damaged)));
        }

        ReportWriter.Write(path, new ReportModel
        {
            Kind = "Dataset",
            Title = survey.Location,
            Facts = [.. survey.Parts.Select(part => new ReportFact(
                part.Name, string.Create(CultureInfo.InvariantCulture, $"{part.Count} images of {part.ClassNames.Count} classes, {part.Damaged.Count} damaged")))],
            Warnings = [.. survey.Missing],
            Tables = tables,
        });
    }

    private static ComparisonTable Table(string title, IEnumerable<DataRemark> remarks)
    {
        var table = new ComparisonTable(title, new TableColumn("Kind"), new TableColumn("Files", CellAlignment.Right), new TableColumn("For example"));
        foreach (DataRemark remark in remarks)
            table.AddRow(remark.Kind, TableCell.Whole(remark.Count), new TableCell(remark.Example) { IsCode = true });
        return table;
    }

    private static ComparisonTable Damage(IReadOnlyList<DamagedImage> images)
    {
        var table = new ComparisonTable("Images that cannot be decoded", new TableColumn("Image"), new TableColumn("Reason"));
        foreach (DamagedImage image in images.Take(MostDamagedOnPage))
            table.AddRow(new TableCell(image.Name) { IsCode = true }, image.Reason);
        if (images.Count > MostDamagedOnPage)
            table.AddNote(string.Create(CultureInfo.InvariantCulture, $"The first {MostDamagedOnPage} of {images.Count}."));
        return table;
    }

    private static (string, JsonNode)[] Remark(DataRemark remark) => [("kind", remark.Kind), ("count", remark.Count), ("example", remark.Example)];

    private static JsonArray Rows<T>(IEnumerable<T> items, Func<T, (string Key, JsonNode Value)[]> row) =>
        new([.. items.Select(item => (JsonNode)new JsonObject(row(item).Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))))]);
}
