using System.Reflection;
using System.Text;

namespace Ddoq.Pipeline.Configuration;

/// <summary>Every setting of the pipeline, in the order in which help and the saved configuration list them.</summary>
public static class Settings
{
    /// <summary>All settings: group by group, each in the order of its declarations.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        .. Of(typeof(DataSettings)),
        .. Of(typeof(QuantizeSettings)),
        .. Of(typeof(SynthesizeSettings)),
        .. Of(typeof(SelectSettings)),
        .. Of(typeof(TrainSettings)),
        .. Of(typeof(ComparisonSettings)),
        .. Of(typeof(RunSettings)),
    ];

    /// <summary>The settings that some of the stages read.</summary>
    public static IEnumerable<Setting> For(PipelineStages stages) => All.Where(setting => (setting.Stages & stages) != 0);

    /// <summary>The setting of a TOML key; null when there is none.</summary>
    public static Setting? Find(string key) => All.FirstOrDefault(setting => setting.Key == key);

    /// <summary>The key that a mistyped one was meant to be.</summary>
    public static string NearestKey(string key) => All.MinBy(setting => EditDistance(setting.Key, key))!.Key;

    /// <summary>The word of a list that a mistyped one was meant to be; null when none is near.</summary>
    public static string? Nearest(string word, IEnumerable<string> words) =>
        words.MinBy(candidate => EditDistance(candidate, word)) is { } nearest && EditDistance(nearest, word) <= Math.Max(2, word.Length / 3) ? nearest : null;

    /// <summary>The settings as a page of Markdown, without its heading.</summary>
    public static string ToMarkdown()
    {
        var text = new StringBuilder(
            "Options of the commands, and keys of the TOML file that `-c` names; an option overrides the file. Each stage records the settings that shape its result, "
            + "and goes on only with the same ones.\n\n| option | key in the file | meaning | allowed | default | read by |\n|---|---|---|---|---|---|\n");
        foreach (Setting setting in All)
        {
            string needs = setting.Needs is null ? string.Empty : $" Only with `{setting.Needs}`.";
            string initial = setting.DefaultText.Length > 0 ? $"`{setting.DefaultText}`" : setting.DecidedBy ?? "-";
            string stages = setting.Stages == PipelineStages.None ? "distill" : setting.Stages.ToString().ToLowerInvariant();
            if (setting.IsVolatile)
                stages += "; changes no result";
            text.Append($"| `{setting.Flag}` | `{setting.Key}` | {setting.Description}{needs} | {setting.Allowed} | {initial} | {stages} |\n".Replace("<", "\\<", StringComparison.Ordinal));
        }

        return text.ToString();
    }

    private static IEnumerable<Setting> Of(Type group) =>
        group.GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => field.GetValue(null)).OfType<Setting>();

    private static int EditDistance(string a, string b)
    {
        int[] previous = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            var current = new int[b.Length + 1];
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substitution = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                current[j] = Math.Min(substitution, 1 + Math.Min(previous[j], current[j - 1]));
            }

            previous = current;
        }

        return previous[b.Length];
    }
}
