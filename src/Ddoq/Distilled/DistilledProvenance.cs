using System.Text.Json.Serialization;
using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>The content of <c>ddoq.json</c>: what made a distilled set. Equal runs write equal bytes.</summary>
/// <param name="Version">Version of the program.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Device">Where it was computed, for example <c>cpu</c> or the name of the graphics card.</param>
/// <param name="Configuration">The effective configuration, all stages, by key.</param>
/// <param name="InputHashes">SHA-256 of data set, encoder, diffusion model and teacher, by name.</param>
/// <param name="ClassNames">Class names in label order.</param>
public sealed record DistilledProvenance(
    string Version,
    ulong Seed,
    string Device,
    SortedDictionary<string, string> Configuration,
    SortedDictionary<string, string> InputHashes,
    IReadOnlyList<string> ClassNames)
{
    /// <summary>Name of the file in the set's folder.</summary>
    public const string FileName = "ddoq.json";

    private const string Hint = "The file was edited or damaged; the images do not need it: remove it or synthesise again.";

    /// <summary>Writes the file, atomically.</summary>
    /// <exception cref="DdoqException">It cannot be written.</exception>
    public void Save(string folder)
    {
        DistilledProvenance sorted = this with
        {
            Configuration = new(Configuration, StringComparer.Ordinal),
            InputHashes = new(InputHashes, StringComparer.Ordinal),
        };
        JsonFile.Write(Path.Combine(folder, FileName), sorted, DistilledJson.Default.DistilledProvenance);
    }

    /// <summary>Reads the file.</summary>
    /// <exception cref="DdoqException">It is missing or damaged.</exception>
    public static DistilledProvenance Load(string folder)
    {
        string path = Path.Combine(folder, FileName);
        DistilledProvenance provenance = JsonFile.Read(path, DistilledJson.Default.DistilledProvenance, Hint);
        if (provenance.ClassNames.Contains(null!))
            throw new DdoqException($"'{path}': a class name is null", Hint);
        return provenance;
    }
}

/// <summary>Serialisation contracts of prototypes and distilled sets, generated at build time, so that trimmed and AOT-compiled programs work.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(SortedDictionary<string, string>))]
[JsonSerializable(typeof(DistilledImage))]
[JsonSerializable(typeof(DistilledProvenance))]
[JsonSerializable(typeof(CandidateList))]
internal sealed partial class DistilledJson : JsonSerializerContext;
