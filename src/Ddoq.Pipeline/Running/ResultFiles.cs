using System.Text.Json;
using System.Text.Json.Serialization;
using Ddoq.Storage;

namespace Ddoq.Pipeline;

/// <summary>Small results as JSON files, written whole or not at all.</summary>
internal static class ResultFiles
{
    public static JsonSerializerOptions Options { get; } = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    public static void Write<T>(string path, T value) =>
        AtomicFile.WriteAllText(path, JsonSerializer.Serialize(value, Options) + "\n");

    public static T Read<T>(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllText(path), Options)
                ?? throw new DdoqException($"'{path}' is empty", "Run the stage again with --force.");
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"'{path}' cannot be read: {e.Message}", "Run the stage again with --force.", e);
        }
    }
}
