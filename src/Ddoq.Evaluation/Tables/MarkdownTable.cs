using System.Text;

namespace Ddoq.Evaluation.Tables;

/// <summary>A GitHub-flavoured Markdown table.</summary>
internal static class MarkdownTable
{
    public static string Write(ComparisonTable table)
    {
        var output = new StringBuilder();
        output.Append("**").Append(Escape(table.Title)).Append("**\n\n");
        AppendRow(output, table.Columns.Select(column => Escape(column.Title)));
        AppendRow(output, table.Columns.Select(column => column.Alignment == CellAlignment.Right ? "---:" : "---"));
        foreach (TableRow row in table.Rows)
            AppendRow(output, row.Cells.Select(cell => Cell(cell, row.IsSummary)));
        foreach (string note in table.Notes)
            output.Append('\n').Append(Escape(note)).Append('\n');
        return output.ToString();
    }

    private static string Cell(TableCell cell, bool isSummary)
    {
        string text = Escape(cell.Text);
        if (text.Length == 0)
            return text;
        return cell.IsBest ? $"**{text}**" : isSummary && cell.Value is null ? $"*{text}*" : text;
    }

    private static void AppendRow(StringBuilder output, IEnumerable<string> cells) =>
        output.Append("| ").AppendJoin(" | ", cells).Append(" |\n");

    private static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (char character in TextTable.Plain(text).Trim())
        {
            if (character is '\\' or '|' or '*' or '_' or '`' or '[' or ']' or '~' or '#')
                escaped.Append('\\').Append(character);
            else if (character is '<' or '>' or '&')
                escaped.Append(character == '<' ? "&lt;" : character == '>' ? "&gt;" : "&amp;");
            else
                escaped.Append(character);
        }

        return escaped.ToString();
    }
}
