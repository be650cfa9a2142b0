using System.Text;

namespace Ddoq.Evaluation.Tables;

/// <summary>Aligned plain text.</summary>
internal static class TextTable
{
    private const string Gap = "  ";

    public static string Write(ComparisonTable table)
    {
        // Where a column marks figures, all its cells get the mark's width, so that the digits stay aligned.
        bool[] marked = [.. table.Columns.Select((_, c) => table.Rows.Any(row => row.Cells[c].IsBest))];
        string[] header = [.. table.Columns.Select((column, c) => Plain(column.Title) + (IsPadded(c) ? " " : ""))];
        string[][] body = [.. table.Rows.Select(row => row.Cells.Select((cell, c) =>
            Plain(cell.Text) + (cell.IsBest ? "*" : IsPadded(c) ? " " : "")).ToArray())];
        int[] widths = [.. header.Select((text, c) => body.Select(row => Width(row[c])).Append(Width(text)).Max())];

        var output = new StringBuilder();
        Line(output, Plain(table.Title));
        AppendCells(header);
        AppendRule();
        for (int r = 0; r < body.Length; r++)
        {
            if (r > 0 && table.Rows[r].IsSummary && !table.Rows[r - 1].IsSummary)
                AppendRule();
            AppendCells(body[r]);
        }

        if (marked.Contains(true))
            Line(output, "* best figure");
        foreach (string note in table.Notes)
            Line(output, Plain(note));
        return output.ToString();

        bool IsPadded(int column) => marked[column] && table.Columns[column].Alignment == CellAlignment.Right;

        void AppendRule() => Line(output, string.Join(Gap, widths.Select(width => new string('-', width))));

        void AppendCells(string[] cells) => Line(output, string.Join(Gap, cells.Select((text, c) =>
        {
            string padding = new(' ', widths[c] - Width(text));
            return table.Columns[c].Alignment == CellAlignment.Right ? padding + text : text + padding;
        })));
    }

    /// <summary>Text without control characters: a class name must not steer the terminal or break the lines.</summary>
    public static string Plain(string text)
    {
        if (!text.Any(char.IsControl))
            return text;
        var plain = new StringBuilder(text.Length);
        foreach (char character in text)
            plain.Append(char.IsControl(character) ? '\uFFFD' : character);
        return plain.ToString();
    }

    private static int Width(string text) => text.EnumerateRunes().Count();

    private static void Line(StringBuilder output, string text) => output.Append(text.TrimEnd(' ')).Append('\n');
}
