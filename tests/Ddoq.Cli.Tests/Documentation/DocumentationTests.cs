using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Ddoq.Cli.Tests.Documentation;

/// <summary>What the pages say exists.</summary>
public partial class DocumentationTests
{
    private static readonly string s_root = Program.RepositoryRoot;

    [Test]
    public void EveryCommand_IsKnownToTheProgram()
    {
        var wrong = new List<string>();
        int seen = 0;
        foreach (MarkdownPage page in MarkdownPage.All)
        {
            foreach (string[] words in page.ShellLines().SelectMany(Calls).Concat(page.CodeSpans().SelectMany(Calls)))
            {
                seen++;
                if (CommandTree.Root.Complaint(words) is { } complaint)
                    wrong.Add($"{page.Name}: ddoq {string.Join(' ', words)}: {complaint}");
            }
        }

        Assert.That(wrong, Is.Empty);
        Assert.That(seen, Is.GreaterThan(40), "commands are found at all");
    }

    [TestCase("quantise --ipc 3", "ddoq has no command 'quantise'")]
    [TestCase("quantize --ipcs 3", "ddoq quantize has no option --ipcs")]
    [TestCase("bench kernels --no-such=1", "ddoq bench kernels has no option --no-such")]
    [TestCase("distill --ipc 10 -o OUT", null)]
    public void Complaint_NamesWhatDoesNotExist(string call, string? complaint) =>
        Assert.That(CommandTree.Root.Complaint(call.Split(' ')), Is.EqualTo(complaint));

    [Test]
    public void EveryOptionInProse_BelongsToAProgramHere()
    {
        HashSet<string> known = [.. CommandTree.Root.AllOptions, .. OptionsOfScripts()];
        Assert.That(
            MarkdownPage.All.SelectMany(page => page.CodeSpans().Where(span => span.StartsWith("--", StringComparison.Ordinal))
                .Select(span => span.Split(' ', '=')[0]).Where(option => !known.Contains(option)).Select(option => $"{page.Name}: {option}")),
            Is.Empty);
    }

    [Test]
    public void EveryProjectAndScript_IsThere()
    {
        Assert.That(
            MarkdownPage.All.SelectMany(page => page.ShellLines().Concat(page.CodeSpans())
                .SelectMany(line => OurPath().Matches(line).Select(match => match.Value.TrimEnd('.', '/')))
                .Where(path => !path.Contains("/bin/", StringComparison.Ordinal)
                    && !Path.Exists(Path.Combine(s_root, path)) && !Path.Exists(Path.Combine(Path.GetDirectoryName(page.Path)!, path)))
                .Select(path => $"{page.Name}: {path}")),
            Is.Empty);
    }

    [Test]
    public void EverySourceFile_IsThereByItsName()
    {
        HashSet<string> names =
        [
            .. new[] { "bench", "examples", "kernels", "native", "src", "tests", "tools" }
                .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(s_root, folder), "*.*", SearchOption.AllDirectories))
                .Select(path => Path.GetFileName(path)),
        ];
        Assert.That(
            MarkdownPage.All.SelectMany(page => page.CodeSpans().Where(span => SourceFile().IsMatch(span) && !names.Contains(Path.GetFileName(span))).Select(span => $"{page.Name}: {span}")),
            Is.Empty);
    }

    [Test]
    public void EveryLink_LeadsToAFileAndAHeading()
    {
        var wrong = new List<string>();
        foreach (MarkdownPage page in MarkdownPage.All)
        {
            foreach (string link in page.Links().Where(link => !link.Contains("://", StringComparison.Ordinal)))
            {
                string[] parts = link.Split('#', 2);
                string target = parts[0].Length == 0 ? page.Path : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page.Path)!, parts[0]));
                MarkdownPage? other = MarkdownPage.All.FirstOrDefault(candidate => candidate.Path == target);
                if (!Path.Exists(target) || (parts.Length == 2 && other?.HasAnchor(parts[1]) != true))
                    wrong.Add($"{page.Name}: {link}");
            }
        }

        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void EveryBlockOfCSharp_StandsInCodeThatIsBuilt()
    {
        string[] code =
        [
            .. new[] { "examples", "src" }.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(s_root, folder), "*.cs", SearchOption.AllDirectories))
                .Select(path => Flat(File.ReadLines(path))),
        ];
        Assert.That(
            MarkdownPage.All.SelectMany(page => page.Blocks("csharp").Select(block => (page.Name, Text: Flat(block))))
                .Where(block => !code.Any(file => file.Contains(block.Text, StringComparison.Ordinal))),
            Is.Empty);
        Assert.That(MarkdownPage.All.SelectMany(page => page.Blocks("csharp")), Is.Not.Empty);
    }

    [Test]
    public void TheExample_Runs()
    {
        string program = Path.GetFullPath(Path.Combine(
            s_root, "examples", "csharp", "QuantizeRows", "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, new DirectoryInfo(AppContext.BaseDirectory).Name, "QuantizeRows.dll"));
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [program]) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.That((process.ExitCode, output), Is.EqualTo((0, output)));
        Assert.That(output, Does.Match(@"^distortion (5[5-9]|6[0-3])\.\d+, weights 0\.\d+ to 1\.\d+\n$"), "64 normal values, of whose variance ten centres take little");
    }

    [Test]
    public void Readme_FitsAScreenOrTwo() => Assert.That(File.ReadLines(Path.Combine(s_root, "README.md")).Count(), Is.AtMost(120));

    private static string Flat(IEnumerable<string> lines) => string.Join('\n', lines.Select(line => line.Trim()).Where(line => line.Length > 0)) + "\n";

    /// <summary>The calls of the program in a line of a shell or of prose, as the words behind its name; rows of printed tables are none.</summary>
    private static IEnumerable<string[]> Calls(string line)
    {
        foreach (string part in Separators().Split(line.StartsWith("$ ", StringComparison.Ordinal) ? line[2..] : line))
        {
            string[] words = part.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            int first = words.Length == 0 ? -1
                : words[0] == "ddoq" || words[0].EndsWith("/ddoq", StringComparison.Ordinal) ? 1
                : part.Contains("--project src/Ddoq.Cli --", StringComparison.Ordinal) ? Array.IndexOf(words, "--") + 1 : -1;
            bool isCall = first > 0 && first < words.Length && FirstWord().IsMatch(words[first]) && !part.Contains("ddoq  ", StringComparison.Ordinal);
            if (isCall)
                yield return words[first..];
        }
    }

    private static IEnumerable<string> OptionsOfScripts() =>
        new[] { "bench", "tools", "native" }.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(s_root, folder), "*.*", SearchOption.AllDirectories))
            .Where(path => Path.GetExtension(path) is ".py" or ".sh" or ".cs" && !path.Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(path => OptionWord().Matches(File.ReadAllText(path)).Select(match => match.Value));

    [GeneratedRegex(@"\s*(?:&&|\|\||[|;])\s*")]
    private static partial Regex Separators();

    [GeneratedRegex("^[a-z<-]")]
    private static partial Regex FirstWord();

    [GeneratedRegex(@"^[\w./-]+\.(cs|cu|cuh|cpp|h)$")]
    private static partial Regex SourceFile();

    [GeneratedRegex(@"--[a-z][a-z0-9-]+")]
    private static partial Regex OptionWord();

    [GeneratedRegex(@"(?<![\w./<>{}*-])(?:bench|examples|native|src|tests|tools)/[\w./-]+(?![\w*<>{}-])")]
    private static partial Regex OurPath();
}
