using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Ddoq.Evaluation.Tables;

/// <summary>Writes a table as text, Markdown, CSV or JSON.</summary>
internal static class TableWriter
{
    private const string Gap = "  ";

    private static readonly JsonWriterOptions JsonOptions = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string ToText(ComparisonTable table)
    {
        // Where a column marks figures, all its cells get the mark's width, so that the digits stay aligned.
        bool[] marked = [.. table.Columns.Select((_, c) => table.Rows.Any(row => row.Cells[c].IsBest))];
        string[] header = [.. table.Columns.Select((column, c) => Plain(column.Title) + (IsPadded(c) ? " " : ""))];
        string[][] body = [.. table.Rows.Select(row => row.Cells.Select((cell, c) =>
            Plain(cell.Text) + (cell.IsBest ? "*" : IsPadded(c) ? " " : "")).ToArray())];
        int[] widths = [.. header.Select((text, c) => body.Select(row => Width(row[c])).Append(Width(text)).Max())];

        var output = new StringBuilder();
        AppendLine(Plain(table.Title));
        AppendCells(header);
        AppendRule();
        for (int r = 0; r < body.Length; r++)
        {
            if (r > 0 && table.Rows[r].IsSummary && !table.Rows[r - 1].IsSummary)
                AppendRule();
            AppendCells(body[r]);
        }

        if (marked.Contains(true))
            AppendLine("* best figure");
        foreach (string note in table.Notes)
            AppendLine(Plain(note));
        return output.ToString();

        bool IsPadded(int column) => marked[column] && table.Columns[column].Alignment == CellAlignment.Right;

        void AppendRule() => AppendLine(string.Join(Gap, widths.Select(width => new string('-', width))));

        void AppendCells(string[] cells) => AppendLine(string.Join(Gap, cells.Select((text, c) =>
        {
            string padding = new(' ', widths[c] - Width(text));
            return table.Columns[c].Alignment == CellAlignment.Right ? padding + text : text + padding;
        })));

        void AppendLine(string text) => output.Append(text.TrimEnd(' ')).Append('\n');
    }

    public static string ToMarkdown(ComparisonTable table)
    {
        var output = new StringBuilder();
        output.Append("**").Append(EscapeMarkdown(table.Title)).Append("**\n\n");
        AppendRow(table.Columns.Select(column => EscapeMarkdown(column.Title)));
        AppendRow(table.Columns.Select(column => column.Alignment == CellAlignment.Right ? "---:" : "---"));
        foreach (TableRow row in table.Rows)
            AppendRow(row.Cells.Select(cell => Cell(cell, row.IsSummary)));
        foreach (string note in table.Notes)
            output.Append('\n').Append(EscapeMarkdown(note)).Append('\n');
        return output.ToString();

        void AppendRow(IEnumerable<string> cells) => output.Append("| ").AppendJoin(" | ", cells).Append(" |\n");

        static string Cell(TableCell cell, bool isSummary)
        {
            string text = EscapeMarkdown(cell.Text);
            if (text.Length == 0)
                return text;
            return cell.IsBest ? $"**{text}**" : isSummary && cell.Value is null ? $"*{text}*" : text;
        }
    }

    /// <summary>RFC 4180, with line feeds.</summary>
    public static string ToCsv(ComparisonTable table)
    {
        var output = new StringBuilder();
        AppendRow(table.Columns.Select(column => Quote(column.Title)));
        foreach (TableRow row in table.Rows)
        {
            AppendRow(row.Cells.Select(cell => cell.Value switch
            {
                null => Quote(cell.Text),
                double.NaN => string.Empty,
                { } value => value.ToString("R", CultureInfo.InvariantCulture),
            }));
        }

        return output.ToString();

        void AppendRow(IEnumerable<string> cells) => output.AppendJoin(',', cells).Append('\n');

        static string Quote(string text) => text.AsSpan().IndexOfAny(",\"\r\n") < 0
            ? text
            : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    public static string ToJson(ComparisonTable table)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, JsonOptions))
        {
            json.WriteStartObject();
            json.WriteString("title", table.Title);
            json.WriteStartArray("columns");
            foreach (TableColumn column in table.Columns)
            {
                json.WriteStartObject();
                json.WriteString("name", column.Header);
                if (column.Unit is not null)
                    json.WriteString("unit", column.Unit);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            WriteRows(json, table, "rows", isSummary: false);
            WriteRows(json, table, "summary", isSummary: true);
            json.WriteStartArray("notes");
            foreach (string note in table.Notes)
                json.WriteStringValue(note);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer().AsSpan(0, (int)stream.Length)) + "\n";
    }

    private static void WriteRows(Utf8JsonWriter json, ComparisonTable table, string name, bool isSummary)
    {
        json.WriteStartArray(name);
        foreach (TableRow row in table.Rows.Where(row => row.IsSummary == isSummary))
        {
            json.WriteStartObject();
            for (int c = 0; c < row.Cells.Count; c++)
            {
                json.WritePropertyName(table.Columns[c].Header);
                if (row.Cells[c].Value is not { } value)
                    json.WriteStringValue(row.Cells[c].Text);
                else if (double.IsFinite(value))
                    json.WriteNumberValue(value);
                else
                    json.WriteNullValue();
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Text without control characters: a class name must not steer the terminal or break the lines.</summary>
    private static string Plain(string text) =>
        string.Concat(text.Select(character => char.IsControl(character) ? '\uFFFD' : character));

    private static string EscapeMarkdown(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (char character in Plain(text).Trim())
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

    private static int Width(string text) => text.EnumerateRunes().Count();
}
