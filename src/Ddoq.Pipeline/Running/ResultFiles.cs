using System.Diagnostics;
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

/// <summary>Adds the time until its disposal to the seconds in a file, so that resumed runs sum up.</summary>
internal sealed class WallClock(string path) : IDisposable
{
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>The seconds in a file; 0 when there is none.</summary>
    public static double Read(string path) => File.Exists(path) ? ResultFiles.Read<Timing>(path).Seconds : 0;

    public void Dispose()
    {
        double seconds = Stopwatch.GetElapsedTime(_started).TotalSeconds;

        // A run that finds everything complete adds nothing worth showing.
        if (seconds < 1 && File.Exists(path))
            return;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            ResultFiles.Write(path, new Timing(Math.Round(Read(path) + seconds, 3)));
        }
        catch (DdoqException)
        {
            // Only the time is lost; a failure that led here is the one to report.
        }
    }

    private sealed record Timing(double Seconds);
}
