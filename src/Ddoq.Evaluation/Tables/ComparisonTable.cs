using System.Globalization;

namespace Ddoq.Evaluation.Tables;

/// <summary>A table of results: built once, written for a terminal, a README, a program or the report.</summary>
/// <remarks>Not safe for concurrent changes. Output is the same for the same content on every machine (invariant culture).</remarks>
public sealed class ComparisonTable
{
    private readonly List<TableRow> _rows = [];
    private readonly List<string> _notes = [];

    /// <summary>An empty table.</summary>
    /// <param name="title">The caption.</param>
    /// <param name="columns">The columns, at least one, with different headings.</param>
    /// <exception cref="DdoqException">There is no column, or two share a heading.</exception>
    public ComparisonTable(string title, params ReadOnlySpan<TableColumn> columns)
    {
        Title = title;
        TableColumn[] copied = columns.ToArray();
        if (copied.Length == 0 || copied.Select(column => column.Header).Distinct().Count() != copied.Length)
        {
            throw new DdoqException(
                $"Table '{title}' has the columns [{string.Join(", ", copied.Select(column => column.Header))}]; at least one is needed and headings are different.");
        }

        Columns = copied;
    }

    /// <summary>The caption.</summary>
    public string Title { get; }

    /// <summary>The columns.</summary>
    public IReadOnlyList<TableColumn> Columns { get; }

    /// <summary>The rows, summary rows where they were added.</summary>
    public IReadOnlyList<TableRow> Rows => _rows;

    /// <summary>Notes below the table: protocol, seeds, what was left out.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Adds a row.</summary>
    /// <exception cref="DdoqException">The number of cells is not the number of columns.</exception>
    public void AddRow(params ReadOnlySpan<TableCell> cells) => Add(cells, isSummary: false);

    /// <summary>Adds a row that summarises others.</summary>
    /// <exception cref="DdoqException">The number of cells is not the number of columns.</exception>
    public void AddSummaryRow(params ReadOnlySpan<TableCell> cells) => Add(cells, isSummary: true);

    /// <summary>Adds a note.</summary>
    public void AddNote(string note) => _notes.Add(note);

    /// <summary>Aligned columns for a terminal; the best figures carry an asterisk. Lines end with \n.</summary>
    public string ToText() => TableWriter.ToText(this);

    /// <summary>A GitHub table; the best figures are bold.</summary>
    public string ToMarkdown() => TableWriter.ToMarkdown(this);

    /// <summary>RFC 4180 with a header line; figures unrounded, notes left out. Lines end with \n.</summary>
    public string ToCsv() => TableWriter.ToCsv(this);

    /// <summary>One JSON object: title, columns, rows as objects keyed by heading (figures unrounded), notes.</summary>
    public string ToJson() => TableWriter.ToJson(this);

    private void Add(ReadOnlySpan<TableCell> cells, bool isSummary)
    {
        if (cells.Length != Columns.Count)
        {
            throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                $"Table '{Title}': row {_rows.Count + 1} has {cells.Length} cells for {Columns.Count} columns."));
        }

        _rows.Add(new TableRow(cells.ToArray(), isSummary));
    }
}

/// <summary>One column.</summary>
/// <param name="Header">The heading; also the key in JSON and CSV.</param>
/// <param name="Alignment">Right for numbers.</param>
/// <param name="Unit">The unit of the figures, shown after the heading; null for none.</param>
public sealed record TableColumn(string Header, CellAlignment Alignment = CellAlignment.Left, string? Unit = null)
{
    /// <summary>"Time (s)": the heading with its unit.</summary>
    public string Title => Unit is null ? Header : $"{Header} ({Unit})";

    /// <summary>A column of figures.</summary>
    internal static TableColumn Figures(string header, string? unit = null) => new(header, CellAlignment.Right, unit);
}

/// <summary>Where a column's cells stand.</summary>
public enum CellAlignment
{
    /// <summary>Text.</summary>
    Left,

    /// <summary>Numbers.</summary>
    Right,
}

/// <summary>One row.</summary>
/// <param name="Cells">One cell per column.</param>
/// <param name="IsSummary">True for means and changes, which are set apart from the figures they summarise.</param>
public sealed record TableRow(IReadOnlyList<TableCell> Cells, bool IsSummary = false);
