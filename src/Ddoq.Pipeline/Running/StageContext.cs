using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;
using Ddoq.Storage;

namespace Ddoq.Pipeline;

/// <summary>What every stage needs besides its settings.</summary>
/// <param name="Progress">Receives progress.</param>
/// <param name="Workers">Worker threads, at least 1; results do not depend on it.</param>
/// <param name="Force">Discard what an earlier run with other settings left instead of refusing.</param>
/// <param name="Cancellation">Stops the stage at the next safe point; finished work stays on disk.</param>
public sealed record StageContext(IProgressSink Progress, int Workers, bool Force, CancellationToken Cancellation)
{
    /// <summary>Names of the stages whose earlier results are discarded although <see cref="Force"/> is not given; as in their records.</summary>
    public IReadOnlyCollection<string> ForcedStages { get; init; } = [];

    /// <summary>The units that this process does; other processes do the others. It changes no result.</summary>
    public Share Share { get; init; } = Share.All;

    /// <summary>Ends the stage when the units in work are done, where <see cref="Cancellation"/> drops them: no further one is begun.</summary>
    public CancellationToken Stopping { get; init; }

    /// <summary>How networks are run where a stage's own options do not say: precision, engine cache.</summary>
    public OnnxSessionOptions Networks { get; init; } = new();

    /// <summary>Whether what an earlier run of a stage left is discarded.</summary>
    /// <param name="stage">Name of the stage, as in its record.</param>
    internal bool Forces(string stage) => Force || ForcedStages.Contains(stage);

    /// <summary>Whether a stage has nothing to do in a folder; writes nothing.</summary>
    internal bool Finds(string folder, string stage, IReadOnlyDictionary<string, string> settings) =>
        !Forces(stage) && StageFolder.IsCompleteIn(folder, stage, settings);

    /// <summary>Opens the folder of a stage that has shares.</summary>
    /// <remarks>A process that was killed after it completed the stage may have left the state of its shares: it goes now.</remarks>
    internal StageFolder Open(string folder, string stage, IReadOnlyDictionary<string, string> settings, bool isFixedPlace = false)
    {
        StageFolder opened = StageFolder.Open(folder, stage, settings, Forces(stage), isFixedPlace, Share.IsPartial);
        if (opened.IsComplete)
            new ShareFolder(folder).Remove();
        return opened;
    }

    /// <summary>Whether the stage is to end now, or with the units in work.</summary>
    internal bool IsStopping => Stopping.IsCancellationRequested || Cancellation.IsCancellationRequested;

    /// <summary>Leaves a stage that is to end.</summary>
    /// <exception cref="OperationCanceledException">It is.</exception>
    internal void ThrowIfStopped()
    {
        Cancellation.ThrowIfCancellationRequested();
        Stopping.ThrowIfCancellationRequested();
    }

    /// <summary>Runs <paramref name="body"/> for every index on the stage's workers; the first failure stops the rest.</summary>
    /// <param name="count">Number of indices.</param>
    /// <param name="createState">Makes one worker's private state, for example its network session.</param>
    /// <param name="body">Does one index; results must not depend on which worker does it.</param>
    /// <typeparam name="TState">A worker's private state; disposed at the end.</typeparam>
    public void ForEach<TState>(int count, Func<TState> createState, Action<int, TState> body)
        where TState : IDisposable => WorkerLoop.Run(count, Workers, createState, body, Cancellation, Stopping);
}

/// <summary>Lets several runs side by side advance one common stage: their own begins and ends are not shown.</summary>
internal sealed class NestedProgress(IProgressSink outer) : IProgressSink
{
    public void Begin(string stage, long total, string unit, long completed = 0)
    {
        if (completed > 0)
            outer.Advance(completed);
    }

    public void Advance(long units) => outer.Advance(units);

    public void End()
    {
    }

    public void Message(string text) => outer.Message(text);
}

/// <summary>One worker's scratch for a decoded image.</summary>
internal sealed class PixelBuffer(int length) : IDisposable
{
    public byte[] Bytes { get; } = new byte[length];

    public void Dispose()
    {
    }
}

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
