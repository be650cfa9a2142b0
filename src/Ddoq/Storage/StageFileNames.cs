using System.Text.RegularExpressions;

namespace Ddoq.Storage;

/// <summary>The names that stages give to files in their folders: what clearing such a folder may delete.</summary>
internal static partial class StageFileNames
{
    /// <summary>Whether a stage gives a file this name.</summary>
    /// <param name="name">Relative to the stage's folder, with '/'.</param>
    public static bool IsOfAStage(string name) => Names().IsMatch(name);

    [GeneratedRegex(
        """
        ^( stage(-timing)?\.json | config\.toml | classes(-\d+-of-\d+)?-timing\.json | classes/\d+\.(safetensors|json) | parts/\d+\.safetensors | shares/[^/]+\.json | candidates\.json | candidates/\d+\.safetensors | sheet/\d+\.png | [^/]+\.header\.safetensors
        | latents(-\d+-of-\d+)?\.(safetensors|unfinished)(\.[^/]+)? | damaged\.csv | passed-over\.csv | prototypes\.safetensors | quality\.csv | curve\.csv
        | train/.+/\d+\.png | train/metadata\.jsonl | soft_labels\.safetensors | class-check\.json | ddoq\.json | summary\.csv | README\.md | report\.html
        | checkpoint/[^/]+ | result\.json )\z
        """,
        RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Names();
}
