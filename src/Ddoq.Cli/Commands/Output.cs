using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ddoq.Cli.Commands;

/// <summary>Writes a command's result to stdout: as JSON, or as aligned lines for people.</summary>
internal static class Output
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    public static void Write(bool json, JsonObject result)
    {
        if (json)
        {
            Console.Out.WriteLine(result.ToJsonString(s_json));
            return;
        }

        int width = result.Select(pair => pair.Key.Length).DefaultIfEmpty().Max();
        foreach ((string key, JsonNode? value) in result)
        {
            if (value is JsonArray { Count: > 0 } rows && rows[0] is JsonObject)
                WriteTable(key, rows);
            else
                Console.Out.WriteLine($"{key.Replace('_', ' ').PadRight(width)}  {Text(value)}");
        }
    }

    private static void WriteTable(string name, JsonArray rows)
    {
        string[] columns = [.. rows[0]!.AsObject().Select(pair => pair.Key)];
        var lines = new List<string[]> { columns };
        lines.AddRange(rows.Select(row => columns.Select(column => Text(row![column])).ToArray()));
        int[] widths = [.. columns.Select((_, c) => lines.Max(line => line[c].Length))];
        bool[] numeric = [.. columns.Select(column => rows.All(row => row![column] is null || row[column]!.GetValueKind() == JsonValueKind.Number))];
        Console.Out.WriteLine();
        Console.Out.WriteLine(name.Replace('_', ' '));
        foreach (string[] line in lines)
            Console.Out.WriteLine("  " + string.Join("  ", line.Select((cell, c) => numeric[c] ? cell.PadLeft(widths[c]) : cell.PadRight(widths[c]))).TrimEnd());
    }

    private static string Text(JsonNode? value) => value switch
    {
        null => "-",
        JsonArray array => string.Join(", ", array.Select(Text)),
        JsonValue scalar when scalar.TryGetValue(out double number) => number.ToString("G6", System.Globalization.CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };
}
