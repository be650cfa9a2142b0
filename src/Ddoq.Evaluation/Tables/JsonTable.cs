using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Ddoq.Evaluation.Tables;

/// <summary>One JSON object per table.</summary>
internal static class JsonTable
{
    private static readonly JsonWriterOptions Options = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Write(ComparisonTable table)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Options))
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
}
