using System.Diagnostics;
using System.Text.Json.Nodes;
using Ddoq.Storage;

namespace Ddoq.Pipeline;

/// <summary>One process's part of a stage: tells in the stage's folder how far it is and how it ended.</summary>
internal static class ShareWork
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(15);

    /// <summary>The same for work that leaves nothing with the share's state.</summary>
    public static bool Run<TPlan>(string folder, StageContext context, TPlan plan, Action<StageContext> work) => Run(folder, context, plan, own =>
    {
        work(own);
        return null;
    });

    /// <summary>Says that a share is done and others are not.</summary>
    /// <param name="stage">Name of the stage.</param>
    /// <param name="context">The share, and who is told.</param>
    /// <param name="folder">What to give to <c>merge</c>, where it is not the output.</param>
    public static void TellDone(string stage, StageContext context, string? folder = null) =>
        context.Progress.Message($"{stage}: share {context.Share} is done; join the shares with 'ddoq merge{(folder is null ? string.Empty : $" {folder}")}'");

    /// <summary>Does the units of the context's share.</summary>
    /// <param name="folder">The stage's folder.</param>
    /// <param name="context">The share, and the progress that is watched.</param>
    /// <param name="plan">What joining needs to know, beside the units; the same for every share.</param>
    /// <param name="work">Does the units with a context whose progress is watched, and returns what to keep with the share's state.</param>
    /// <typeparam name="TPlan">Of the stage.</typeparam>
    /// <returns>Whether all units are there now, so that this process may join them: always without other shares.</returns>
    public static bool Run<TPlan>(string folder, StageContext context, TPlan plan, Func<StageContext, JsonObject?> work)
    {
        Share share = context.Share;
        if (!share.IsPartial)
        {
            work(context);
            return true;
        }

        var shares = new ShareFolder(folder);
        shares.SavePlan(plan);
        using var watch = new WatchedProgress(shares, share, context.Progress);
        try
        {
            JsonObject? details = work(context with { Progress = watch });
            watch.End(ShareState.Done, null, details);
        }
        catch (OperationCanceledException)
        {
            watch.TryEnd(ShareState.Stopped, null);
            throw;
        }
        catch (Exception e)
        {
            watch.TryEnd(ShareState.Failed, e.Message);
            throw;
        }

        if (IsJoined(folder))
        {
            // By the same share in another process.
            shares.Remove();
            return false;
        }

        IReadOnlyDictionary<int, ShareState> states = shares.States(share.Count);
        return states.Count == share.Count && states.Values.All(state => state == ShareState.Done);
    }

    private static bool IsJoined(string folder) =>
        File.Exists(Path.Combine(folder, StageFolder.RecordFileName)) && StageFolder.Read(folder).Completed;

    private sealed class WatchedProgress : IProgressSink, IDisposable
    {
        private readonly ShareFolder _shares;
        private readonly Share _share;
        private readonly IProgressSink _outer;
        private readonly Lock _lock = new();
        private readonly Timer _timer;
        private readonly long _started = Stopwatch.GetTimestamp();
        private string _unit = string.Empty;
        private long _total;
        private long _completed;
        private long _fresh;
        private bool _isOver;

        public WatchedProgress(ShareFolder shares, Share share, IProgressSink outer)
        {
            (_shares, _share, _outer) = (shares, share, outer);
            Write(ShareState.Running, null, null);
            _timer = new Timer(_ => Tick(), null, s_interval, s_interval);
        }

        public void Begin(string stage, long total, string unit, long completed = 0)
        {
            lock (_lock)
                (_unit, _total, _completed, _fresh) = (unit, total, completed, 0);
            _outer.Begin(stage, total, unit, completed);
        }

        public void Advance(long units)
        {
            Interlocked.Add(ref _completed, units);
            Interlocked.Add(ref _fresh, units);
            _outer.Advance(units);
        }

        public void End() => _outer.End();

        public void Message(string text) => _outer.Message(text);

        /// <summary>Says how the share ended.</summary>
        public void End(ShareState state, string? message, JsonObject? details)
        {
            lock (_lock)
            {
                _isOver = true;
                Write(state, message, details);
            }
        }

        /// <summary>The same, where a failure that led here is the one to report.</summary>
        public void TryEnd(ShareState state, string? message)
        {
            try
            {
                End(state, message, null);
            }
            catch (Exception e) when (e is DdoqException or IOException or UnauthorizedAccessException)
            {
                // On a full disk nothing can be told.
            }
        }

        public void Dispose() => _timer.Dispose();

        private void Tick()
        {
            lock (_lock)
            {
                if (_isOver)
                    return;
                try
                {
                    Write(ShareState.Running, null, null);
                }
                catch (Exception e) when (e is DdoqException or IOException or UnauthorizedAccessException)
                {
                    // A sign of life that is lost must not stop the work.
                }
            }
        }

        private void Write(ShareState state, string? message, JsonObject? details) => _shares.Write(state, new ShareRecord(
            _share.Number,
            _share.Count,
            _unit,
            _total,
            Interlocked.Read(ref _completed),
            Interlocked.Read(ref _fresh),
            Math.Round(Stopwatch.GetElapsedTime(_started).TotalSeconds, 3),
            Environment.MachineName,
            Environment.ProcessId,
            DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            message,
            details));
    }
}
