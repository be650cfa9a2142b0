using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;

namespace Ddoq.Pipeline;

/// <summary>How networks are run, as far as no stage decides it.</summary>
public static class NetworkSettings
{
    /// <summary>Reads precision and engine cache from a configuration.</summary>
    /// <param name="configuration">Settings.</param>
    public static OnnxSessionOptions From(PipelineConfiguration configuration)
    {
        OnnxSessionOptions options = OptionsRecords.Sessions.Read(configuration);
        return options.EngineCache is null ? options with { EngineCache = DefaultEngineCache() } : options;
    }

    private static string? DefaultEngineCache()
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache))
        {
            cache = OperatingSystem.IsWindows()
                ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home ? Path.Combine(home, ".cache") : null;
        }

        return string.IsNullOrEmpty(cache) ? null : Path.Combine(cache, "ddoq", "engines");
    }
}
