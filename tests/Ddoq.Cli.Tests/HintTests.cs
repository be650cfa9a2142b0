using System.Text.RegularExpressions;

namespace Ddoq.Cli.Tests;

/// <summary>Every option that a message or hint of the code names is there on the commands that can print it.</summary>
public partial class HintTests
{
    // Where a text stands decides which commands can print it; the first that fits counts.
    private static readonly (string Path, string[] Commands)[] s_places =
    [
        ("Ddoq.Cli/Commands/", []),
        ("Ddoq.Cli/", ["encode", "quantize", "synthesize", "label", "train", "evaluate", "select", "distill", "report", "inspect", "merge", "bench", "doctor"]),
        ("Ddoq.Cuda/Benchmarks/", ["bench"]),
        ("Ddoq.Cuda/", ["quantize", "distill"]),
        ("Ddoq/Quantization/", ["quantize", "distill"]),
        ("Ddoq/Storage/", ["encode", "quantize", "synthesize", "label", "train", "merge", "select", "distill"]),
        ("Ddoq/", ["encode", "quantize", "synthesize", "train", "merge", "select", "distill"]),
        ("Ddoq.Imaging/", ["encode", "train", "select", "distill"]),
        ("Ddoq.Onnx/Features/", ["select"]),
        ("Ddoq.Onnx/Models/", ["synthesize", "distill"]),
        ("Ddoq.Onnx/Synthesis/", ["synthesize", "distill"]),
        ("Ddoq.Onnx/Teachers/", ["label", "train", "distill"]),
        ("Ddoq.Onnx/", ["encode", "synthesize", "label", "train", "distill"]),
        ("Ddoq.Training/", ["train", "distill"]),
        ("Ddoq.Evaluation/Report/", []),
        ("Ddoq.Evaluation/", ["evaluate", "distill"]),
        ("Ddoq.Pipeline/Configuration/", []),
        ("Ddoq.Pipeline/Comparison/", ["distill"]),
        ("Ddoq.Pipeline/Distilled/", ["train", "distill"]),
        ("Ddoq.Pipeline/Estimates/", ["train", "distill"]),
        ("Ddoq.Pipeline/Running/ResultFiles", ["label", "train", "distill"]),
        ("Ddoq.Pipeline/Running/ShippedResources", ["encode", "train", "distill"]),
        ("Ddoq.Pipeline/Running/", ["encode", "quantize", "synthesize", "label", "train", "distill"]),
        ("Ddoq.Pipeline/Planning/", ["plan"]),
        ("Ddoq.Pipeline/Stages/ClassMap", ["label", "train", "distill"]),
        ("Ddoq.Pipeline/Stages/Curve", ["quantize"]),
        ("Ddoq.Pipeline/Stages/Class", ["synthesize", "distill"]),
        ("Ddoq.Pipeline/Stages/Damage", ["encode", "train", "distill"]),
        ("Ddoq.Pipeline/Stages/Encode", ["encode", "distill"]),
        ("Ddoq.Pipeline/Stages/Label", ["label", "distill"]),
        ("Ddoq.Pipeline/Stages/Merge", ["merge"]),
        ("Ddoq.Pipeline/Stages/Quantiz", ["quantize", "distill"]),
        ("Ddoq.Pipeline/Stages/Report", ["report"]),
        ("Ddoq.Pipeline/Stages/Synthesi", ["synthesize", "distill"]),
        ("Ddoq.Pipeline/Stages/Train", ["train", "distill"]),
        ("Ddoq.Pipeline/Stages/Image", ["encode", "train", "select", "distill"]),
        ("Ddoq.Pipeline/Stages/", ["select", "distill"]),
    ];

    // Files that fewer commands reach than others of their place.
    private static readonly (string File, string[] Commands)[] s_files = [("Planning/JobFiles.cs", []), ("Planning/ScalePlan.cs", []), ("Stages/SelectRun.cs", ["select"]), ("Stages/CoresetStage.cs", ["select"]), ("Stages/SelectionFrame.cs", ["select"]), ("Sharing/", ["encode", "quantize", "synthesize", "select", "label", "train"]),
        ("PrototypeWriter.cs", ["quantize"]), ("ShippedModel.cs", ["encode", "synthesize", "distill"]), ("Stages/ImageOptions.cs", ["train", "distill"]), ("Stages/RandomImages", ["distill"])];

    private static readonly Dictionary<string, HashSet<string>> s_options = [];

    [Test]
    public void EveryOptionInAMessage_ExistsOnTheCommandsThatPrintIt()
    {
        string root = Path.Combine(Program.RepositoryRoot, "src");
        var wrong = new List<string>();
        int found = 0;
        foreach (string file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            string name = Path.GetRelativePath(root, file).Replace('\\', '/');
            if (name.Contains("/obj/", StringComparison.Ordinal) || name.Contains("/bin/", StringComparison.Ordinal))
                continue;
            foreach (string line in File.ReadLines(file).Where(line => !line.TrimStart().StartsWith("//", StringComparison.Ordinal)))
            {
                foreach (string text in Text().Matches(line).Select(match => match.Value))
                {
                    foreach (Match match in Named().Matches(text))
                    {
                        found++;
                        string option = match.Groups["option"].Value;
                        string[] commands = CommandsOf(name, text[..match.Index], match.Groups["command"].Value);
                        wrong.AddRange(commands.Where(command => !OptionsOf(command).Contains(option)).Select(command => $"{name}: {option} is no option of ddoq {command}: {text}"));
                    }
                }
            }
        }

        Assert.That(wrong, Is.Empty);
        Assert.That(found, Is.GreaterThan(60), "texts with options");
    }

    // "ddoq label --distilled x --force" names its command; tar's and convmv's options are theirs; "of ddoq encode, train and distill" lists.
    private static string[] CommandsOf(string file, string before, string command)
    {
        if (OtherProgram().IsMatch(before))
            return [];
        if (command.Length > 0)
            return [command];
        if (Command().Matches(before) is { Count: > 0 } named && !before[named[^1].Index..].Contains('.', StringComparison.Ordinal))
            return [named[^1].Groups[1].Value];
        foreach ((string part, string[] commands) in s_files)
        {
            if (file.Contains(part, StringComparison.Ordinal))
                return commands;
        }

        return s_places.First(place => file.StartsWith(place.Path, StringComparison.Ordinal)).Commands;
    }

    private static HashSet<string> OptionsOf(string command)
    {
        if (!s_options.TryGetValue(command, out HashSet<string>? options))
            s_options[command] = options = [.. Named().Matches(Program.Run([.. command == "bench" ? ["bench", "kernels"] : new[] { command }, "--help"]).Output).Select(match => match.Groups["option"].Value), "--help"];
        return options;
    }

    [GeneratedRegex("""\$?"(?:[^"\\]|\\.)*" """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Text();

    [GeneratedRegex("""(?<![\w-])(?<option>--[a-z][a-z-]*[a-z])(\sof\ '?ddoq\ (?<command>[a-z]+))?""", RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Named();

    [GeneratedRegex(@"ddoq ([a-z]+)( [a-z]+)? (?=[^']*$)")]
    private static partial Regex Command();

    [GeneratedRegex(@"\b(tar|convmv)\b")]
    private static partial Regex OtherProgram();
}
