using System.Globalization;
using Ddoq.Evaluation.Statistics;

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

/// <summary>One cell: what people read, what programs read, and whether it is the best of its group.</summary>
/// <param name="Text">The text for people, rounded.</param>
/// <param name="Value">The figure for programs, unrounded; null for text.</param>
/// <param name="IsBest">Emphasised.</param>
public readonly record struct TableCell(string Text, double? Value = null, bool IsBest = false)
{
    /// <summary>In the report, the length of a bar before the text, in [0, 1]; null for none.</summary>
    public double? Share { get; init; }

    /// <summary>In the report, values drawn as small sorted bars in place of the text; null for none.</summary>
    public IReadOnlyList<double>? Bars { get; init; }

    /// <summary>Text that a user may copy: a path, an option, a hash.</summary>
    public bool IsCode { get; init; }

    /// <summary>A cell without content.</summary>
    public static TableCell Empty { get; } = new(string.Empty);

    /// <summary>A text cell.</summary>
    public static TableCell Label(string text) => new(text);

    /// <summary>A figure with a fixed number of digits after the point; "n/a" for NaN.</summary>
    public static TableCell Number(double value, int decimals, bool isBest = false) =>
        new(Format.Fixed(value, decimals), value, isBest);

    /// <summary>A whole number with grouped digits.</summary>
    public static TableCell Whole(long value) => new(value.ToString("N0", CultureInfo.InvariantCulture), value);

    /// <summary>A relative change given as a fraction: "−15.7 %".</summary>
    public static TableCell Percent(double fraction, int decimals = 1) =>
        new(Format.SignedPercent(fraction, decimals), fraction);

    /// <summary>Mean and standard error of runs; programs read the mean.</summary>
    public static TableCell Runs(RunStatistics runs, int decimals = 1, bool isBest = false)
    {
        ArgumentNullException.ThrowIfNull(runs);
        return new TableCell(runs.Format(decimals), runs.Mean, isBest);
    }

    /// <summary>Figures that compete: all that read the same as the best are emphasised, unless all do.</summary>
    /// <param name="values">The figures; NaN never is the best.</param>
    /// <param name="decimals">Digits after the point.</param>
    /// <param name="best">Which end is better.</param>
    public static TableCell[] Numbers(ReadOnlySpan<double> values, int decimals, BestIs best)
    {
        var cells = new TableCell[values.Length];
        double extreme = double.NaN;
        for (int i = 0; i < values.Length; i++)
        {
            cells[i] = Number(values[i], decimals);
            bool better = best == BestIs.Highest ? values[i] > extreme : values[i] < extreme;
            if (!double.IsNaN(values[i]) && (double.IsNaN(extreme) || better))
                extreme = values[i];
        }

        string text = Format.Fixed(extreme, decimals);
        if (best == BestIs.Unmarked || double.IsNaN(extreme) || Array.TrueForAll(cells, cell => cell.Text == text))
            return cells;
        for (int i = 0; i < cells.Length; i++)
            cells[i] = cells[i] with { IsBest = cells[i].Text == text };
        return cells;
    }

    /// <summary>A text cell from a string.</summary>
    public static implicit operator TableCell(string text) => Label(text);

    /// <summary>A text cell from a string.</summary>
    public static TableCell FromString(string text) => Label(text);
}

/// <summary>Which of several figures is emphasised.</summary>
public enum BestIs
{
    /// <summary>None: the figures do not compete.</summary>
    Unmarked,

    /// <summary>The lowest, as for distances.</summary>
    Lowest,

    /// <summary>The highest, as for accuracies.</summary>
    Highest,
}
