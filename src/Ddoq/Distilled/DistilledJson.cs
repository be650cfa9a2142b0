using System.Text.Json.Serialization;

namespace Ddoq.Distilled;

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
internal sealed partial class DistilledJson : JsonSerializerContext;
