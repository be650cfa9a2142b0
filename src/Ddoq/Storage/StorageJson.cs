using System.Text.Json.Serialization;

namespace Ddoq.Storage;

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
