using System.Text.Json.Serialization;

namespace Ddoq.Latents;

/// <summary>Serialisation contracts of latent stores, generated at build time, so that trimmed and AOT-compiled programs work.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(LatentIndex))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class LatentJson : JsonSerializerContext;
