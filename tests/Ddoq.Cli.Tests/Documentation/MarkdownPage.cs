using System.Text;
using System.Text.RegularExpressions;

namespace Ddoq.Cli.Tests.Documentation;

/// <summary>One Markdown file of the repository, taken apart.</summary>
internal sealed partial class MarkdownPage
{
    private static readonly string[] s_folders = ["bench", "docs", "kernels", "models", "native", "python", "samples", "src", "tools"];

    private readonly List<(string Language, string[] Lines)> _blocks = [];
    private readonly StringBuilder _prose = new();

    private MarkdownPage(string path)
    {
        Path = path;
        Read(File.ReadAllLines(path));
    }

    public string Path { get; }

    public string Name => System.IO.Path.GetRelativePath(Program.RepositoryRoot, Path);

    /// <summary>Every page, that of packages and build outputs left out.</summary>
    public static IReadOnlyList<MarkdownPage> All { get; } =
    [
        .. Directory.EnumerateFiles(Program.RepositoryRoot, "*.md")
            .Concat(s_folders.SelectMany(folder => Directory.EnumerateFiles(System.IO.Path.Combine(Program.RepositoryRoot, folder), "*.md", SearchOption.AllDirectories)))
            .Where(path => !OfABuild().IsMatch(path))
            .Order(StringComparer.Ordinal)
            .Select(path => new MarkdownPage(path)),
    ];

    /// <summary>The fenced blocks of a language; an empty name is a block without one.</summary>
    public IEnumerable<string[]> Blocks(string language) => _blocks.Where(block => block.Language == language).Select(block => block.Lines);

    /// <summary>What stands between single backticks, on one line.</summary>
    public IEnumerable<string> CodeSpans() => CodeSpan().Matches(_prose.ToString()).Select(match => Space().Replace(match.Groups[1].Value, " "));

    /// <summary>Lines of a shell: of blocks without a language or of <c>sh</c>, and indented ones; continued lines are joined.</summary>
    public IEnumerable<string> ShellLines()
    {
        IEnumerable<string> lines = _blocks.Where(block => block.Language is "" or "sh" or "bash").SelectMany(block => block.Lines)
            .Concat(_prose.ToString().Split('\n').Where(line => line.StartsWith("    ", StringComparison.Ordinal)));
        string joined = string.Join('\n', lines).Replace("\\\n", " ", StringComparison.Ordinal);
        return joined.Split('\n').Select(line => Comment().Replace(line, string.Empty).Trim());
    }

    /// <summary>Targets of links and pictures.</summary>
    public IEnumerable<string> Links() => Link().Matches(CodeSpan().Replace(_prose.ToString(), "code")).Select(match => match.Groups[1].Value);

    /// <summary>Whether a heading has this anchor, by GitHub's rule.</summary>
    public bool HasAnchor(string anchor) => _prose.ToString().Split('\n')
        .Where(line => line.StartsWith('#'))
        .Select(line => NotInAnchors().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), string.Empty).Replace(' ', '-'))
        .Contains(anchor);

    private void Read(string[] lines)
    {
        for (int i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("```", StringComparison.Ordinal))
            {
                _prose.Append(lines[i]).Append('\n');
                continue;
            }

            int end = Array.FindIndex(lines, i + 1, line => line.StartsWith("```", StringComparison.Ordinal));
            if (end < 0)
                throw new InvalidDataException($"{Name}:{i + 1}: a block without end");
            _blocks.Add((lines[i][3..].Trim(), lines[(i + 1)..end]));
            i = end;
        }
    }

    [GeneratedRegex(@"[\\/](bin|obj|artifacts|node_modules)[\\/]")]
    private static partial Regex OfABuild();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();

    [GeneratedRegex(@"(^|\s)#.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NotInAnchors();
}
