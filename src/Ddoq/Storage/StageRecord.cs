using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Ddoq.Storage;

/// <summary>The content of <c>stage.json</c>: what made a stage's files. Equal runs give equal bytes.</summary>
/// <param name="Format">Version of this file's form.</param>
/// <param name="Stage">Name of the stage, for example <c>quantize</c>.</param>
/// <param name="Version">Version of the library that started the stage.</param>
/// <param name="Fingerprint">SHA-256 over the stage's name and its settings.</param>
/// <param name="Completed">True when the stage's files are all there.</param>
/// <param name="Settings">The effective settings, hashes of the inputs included.</param>
/// <param name="Outputs">Length in bytes of each output file by its path relative to the folder, with '/'; empty until completed.</param>
public sealed record StageRecord(
    int Format,
    string Stage,
    string Version,
    string Fingerprint,
    bool Completed,
    SortedDictionary<string, string> Settings,
    SortedDictionary<string, long> Outputs);

/// <summary>The content of <c>stage-timing.json</c>: what differs between equal runs.</summary>
/// <param name="Stage">Name of the stage.</param>
/// <param name="Seconds">Wall-clock time spent in the stage, summed over resumed runs.</param>
/// <param name="Runs">Number of runs that worked on the stage.</param>
internal sealed record StageTiming(string Stage, double Seconds, int Runs);

/// <summary>Serialisation contracts of stages, generated at build time, so that trimmed and AOT-compiled programs work.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(StageRecord))]
[JsonSerializable(typeof(StageTiming))]
internal sealed partial class StorageJson : JsonSerializerContext;

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
