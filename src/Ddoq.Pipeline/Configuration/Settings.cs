using System.Reflection;
using System.Text;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Onnx.Synthesis;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using Ddoq.Training;

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

/// <summary>The options records that settings have places in, each with the values when nobody gives any.</summary>
/// <remarks>A default stands here only where the pipeline's differs from the library's.</remarks>
internal static class OptionsRecords
{
    public static readonly OptionsOf<ImageOptions> Images = new(new ImageOptions());

    public static readonly OptionsOf<EncodeOptions> Encode = new(new EncodeOptions());

    public static readonly OptionsOf<QuantizerOptions> Quantizer = new(new QuantizerOptions { CentroidCount = 10, Restarts = 4 });

    public static readonly OptionsOf<QuantizeOptions> Quantize = new(new QuantizeOptions { Quantizer = Quantizer.Defaults });

    public static readonly OptionsOf<SelectOptions> Select = new(new SelectOptions { Quantize = Quantize.Defaults });

    public static readonly OptionsOf<SynthesisOptions> Sampling = new(new SynthesisOptions { Scheduler = SchedulerKind.DpmSolverPlusPlus });

    public static readonly OptionsOf<SynthesizeOptions> Synthesize = new(new SynthesizeOptions { Sampling = Sampling.Defaults });

    public static readonly OptionsOf<LabelOptions> Label = new(new LabelOptions());

    public static readonly OptionsOf<StudentOptions> Student = new(new StudentOptions());

    public static readonly OptionsOf<TrainOptions> Train = new(new TrainOptions());

    public static readonly OptionsOf<OnnxSessionOptions> Sessions = new(new OnnxSessionOptions());
}
