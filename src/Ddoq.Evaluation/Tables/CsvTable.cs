using System.Globalization;
using System.Text;

namespace Ddoq.Evaluation.Tables;

/// <summary>Comma-separated values after RFC 4180, with line feeds.</summary>
internal static class CsvTable
{
    public static string Write(ComparisonTable table)
    {
        var output = new StringBuilder();
        AppendRow(output, table.Columns.Select(column => Quote(column.Title)));
        foreach (TableRow row in table.Rows)
            AppendRow(output, row.Cells.Select(Cell));
        return output.ToString();
    }

    private static string Cell(TableCell cell) => cell.Value switch
    {
        null => Quote(cell.Text),
        { } value when double.IsNaN(value) => string.Empty,
        { } value => value.ToString("R", CultureInfo.InvariantCulture),
    };

    private static void AppendRow(StringBuilder output, IEnumerable<string> cells) =>
        output.AppendJoin(',', cells).Append('\n');

    private static string Quote(string text) => text.AsSpan().IndexOfAny(",\"\r\n") < 0
        ? text
        : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
