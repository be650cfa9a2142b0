namespace Ddoq.Onnx.Sessions;

/// <summary>Says which execution provider a choice leads to, before any network is loaded.</summary>
public static class ProviderChoice
{
    private static int s_told;

    /// <summary>Refuses a provider the runtime was not built with, before anything is written.</summary>
    /// <param name="provider">What the user asked for.</param>
    /// <exception cref="DeviceUnavailableException">The loaded ONNX Runtime does not have it.</exception>
    /// <exception cref="DdoqException">No ONNX Runtime is found.</exception>
    public static void Require(ExecutionProvider provider)
    {
        (string version, IReadOnlyList<string> available) = OnnxRuntimeLocation.Load();
        _ = ProviderSelection.Choose(provider, available, version);
    }

    /// <summary>Tells once per process what <see cref="ExecutionProvider.Auto"/> chose and why; does nothing for other choices.</summary>
    /// <param name="provider">What the user asked for.</param>
    /// <param name="progress">Where to tell it.</param>
    /// <exception cref="DdoqException">No ONNX Runtime is found.</exception>
    public static void Announce(ExecutionProvider provider, IProgressSink progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        if (provider == ExecutionProvider.Auto && Interlocked.Exchange(ref s_told, 1) == 0)
            progress.Message(Describe());
    }

    /// <summary>What <see cref="ExecutionProvider.Auto"/> chooses and why, in words.</summary>
    /// <exception cref="DdoqException">No ONNX Runtime is found.</exception>
    public static string Describe()
    {
        (string version, IReadOnlyList<string> available) = OnnxRuntimeLocation.Load();
        ExecutionProvider chosen = ProviderSelection.Choose(ExecutionProvider.Auto, available, version);
        return $"provider auto: {ProviderSelection.Name(chosen)} (ONNX Runtime {version} has {string.Join(", ", available)})";
    }
}
