using System.Globalization;
using Ddoq.Evaluation.Report.Charts;
using Ddoq.Evaluation.Report.Markup;
using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Report.Sections;

/// <summary>The page as it grows: markup, and the running numbers of sections, tables and figures.</summary>
internal sealed class ReportPage(ReportModel model)
{
    private int _sections;
    private int _tables;
    private int _figures;

    public ReportModel Model { get; } = model;

    public MarkupWriter Markup { get; } = new();

    public List<(string Id, string Title)> Contents { get; } = [];

    public void Section(string id, string title, Action write)
    {
        Contents.Add((id, title));
        Markup.Open("section", ("id", id)).Line();
        Markup.Open("h2").Element("span", Number(++_sections), ("class", "number")).Text(title).Close().Line();
        write();
        Markup.Close().Line();
    }

    public void Paragraph(string text, string? style = null) => Markup.Element("p", text, ("class", style)).Line();

    /// <summary>A table in the manner of printed reports: number and title above, notes below.</summary>
    /// <param name="table">The content.</param>
    /// <param name="ownColumn">The heading of the column to tint; null for none.</param>
    /// <param name="ownRow">The first cell of the rows to tint; null for none.</param>
    public void Table(ComparisonTable table, string? ownColumn = null, string? ownRow = null)
    {
        Markup.Open("div", ("class", "table"), ("role", "region"), ("tabindex", "0"), ("aria-label", table.Title)).Line();
        Markup.Open("table").Open("caption").Element("b", $"Table {Number(++_tables)}.").Text(" " + table.Title).Close().Line();
        Markup.Open("thead").Open("tr");
        foreach (TableColumn column in table.Columns)
            Markup.Element("th", column.Title, ("scope", "col"), ("class", Style(column, column.Header == ownColumn, isBest: false)));
        Markup.Close().Close().Line().Open("tbody").Line();
        bool inSummary = false;
        foreach (TableRow row in table.Rows)
        {
            bool startsSummary = row.IsSummary && !inSummary;
            inSummary = row.IsSummary;
            WriteRow(table, row, startsSummary, ownColumn, isOwnRow: ownRow is not null && row.Cells[0].Text == ownRow);
        }

        Markup.Close().Close().Close().Line();
        foreach (string note in table.Notes)
            Paragraph(note, "note");
    }

    /// <summary>A numbered figure with its legend below.</summary>
    public void Figure(string caption, Action write)
    {
        Markup.Open("figure", ("class", "plot")).Line();
        Markup.Open("div", ("class", "scroll"), ("role", "region"), ("tabindex", "0"), ("aria-label", "Figure"));
        write();
        Markup.Close();
        Markup.Open("figcaption").Element("b", $"Figure {Number(++_figures)}.").Text(" " + caption).Close().Close().Line();
    }

    /// <summary>A list of names and values.</summary>
    public void Facts(IReadOnlyList<ReportFact> facts, string style)
    {
        Markup.Open("dl", ("class", style)).Line();
        foreach (ReportFact fact in facts)
        {
            Markup.Open("div").Element("dt", fact.Name).Open("dd");
            if (fact.IsCode)
                Markup.Element("code", fact.Value);
            else
                Markup.Text(fact.Value);
            Markup.Close().Close().Line();
        }

        Markup.Close().Line();
    }

    private void WriteRow(ComparisonTable table, TableRow row, bool startsSummary, string? ownColumn, bool isOwnRow)
    {
        bool isTall = row.Cells.Any(cell => cell.Bars is not null);
        string style = $"{(row.IsSummary ? "summary" : "")}{(startsSummary ? " first" : "")}{(isOwnRow ? " own" : "")}{(isTall ? " centred" : "")}".Trim();
        Markup.Open("tr", ("class", style.Length > 0 ? style : null));
        for (int c = 0; c < row.Cells.Count; c++)
        {
            TableCell cell = row.Cells[c];
            (string, string?) @class = ("class", Style(table.Columns[c], table.Columns[c].Header == ownColumn, cell.IsBest, cell.Share.HasValue));
            if (c == 0)
                Markup.Open("th", ("scope", "row"), @class);
            else
                Markup.Open("td", @class);
            WriteContent(cell);
            Markup.Close();
        }

        Markup.Close().Line();
    }

    private void WriteContent(TableCell cell)
    {
        if (cell.Share is { } share)
        {
            // Hidden from screen readers: the figure stands beside it.
            Markup.Open("span", ("class", "meter"), ("aria-hidden", "true"))
                .Element("span", "", ("style", $"width:{Format.Coordinate(100 * Math.Clamp(share, 0, 1))}%"))
                .Close();
        }

        if (cell.Bars is { } bars)
            SortedBars.Write(Markup, [.. bars], cell.Text);
        else if (cell.IsCode && cell.Text.Length > 0)
            Markup.Element("code", cell.Text);
        else if (cell.IsBest)
            Markup.Element("strong", cell.Text);
        else
            Markup.Text(cell.Text);
    }

    private static string? Style(TableColumn column, bool isOwn, bool isBest, bool hasMeter = false)
    {
        string style = $"{(column.Alignment == CellAlignment.Right ? "num" : "")}{(isOwn ? " own" : "")}{(isBest ? " best" : "")}{(hasMeter ? " with-meter" : "")}".Trim();
        return style.Length > 0 ? style : null;
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
