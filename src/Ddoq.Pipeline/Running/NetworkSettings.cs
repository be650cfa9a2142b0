using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;

namespace Ddoq.Pipeline;

/// <summary>How networks are run, as far as no stage decides it.</summary>
public static class NetworkSettings
{
    /// <summary>Reads precision and engine cache from a configuration.</summary>
    /// <param name="configuration">Settings.</param>
    /// <exception cref="UsageException">float16 is asked for with a provider that does not choose its precision.</exception>
    public static OnnxSessionOptions From(PipelineConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        bool half = configuration.Get(Settings.Precision) == "float16";
        string provider = configuration.Get(Settings.Provider);
        if (half && provider != "tensorrt")
        {
            throw new UsageException(
                $"--precision float16 is given with --provider {provider}, which computes in the precision the network was exported in",
                "Use --provider tensorrt, or export the network in float16 and leave --precision out.");
        }

        return new OnnxSessionOptions
        {
            AllowHalfPrecision = half,
            EngineCache = configuration.TryGet(Settings.EngineCache, out string? folder) ? Path.GetFullPath(folder) : DefaultEngineCache(),
        };
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
