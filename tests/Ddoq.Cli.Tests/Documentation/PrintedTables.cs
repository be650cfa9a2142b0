using System.Text.RegularExpressions;

namespace Ddoq.Cli.Tests.Documentation;

/// <summary>The tables in a text that the program printed, without their figures: titles, columns, names of the rows.</summary>
internal static partial class PrintedTables
{
    /// <summary>One line per table: <c>title | columns | rows</c>; what a title says of this run's settings is left out.</summary>
    public static IReadOnlyList<string> Skeletons(string text)
    {
        string[] lines = [.. text.Split('\n').Select(line => line.TrimEnd())];
        var tables = new List<string>();
        for (int i = 2; i < lines.Length; i++)
        {
            if (!IsRule(lines[i]))
                continue;
            string title = lines[i - 2].Split('(', ',')[0].Trim();
            string columns = string.Join(", ", Cells(lines[i - 1]));
            var rows = new List<string>();
            for (i++; i < lines.Length && Cells(lines[i]).Length > 1; i++)
            {
                if (!IsRule(lines[i]))
                    rows.Add(Cells(lines[i])[0]);
            }

            tables.Add($"{title} | {columns} | {string.Join(", ", rows)}");
        }

        return tables;
    }

    private static bool IsRule(string line) => line.Length > 0 && line.All(character => character is '-' or ' ');

    private static string[] Cells(string line) => Gap().Split(line.Trim());

    [GeneratedRegex("  +")]
    private static partial Regex Gap();
}
