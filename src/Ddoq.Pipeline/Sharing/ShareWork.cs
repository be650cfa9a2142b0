using System.Diagnostics;
using System.Globalization;
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

/// <summary>The error that names what shares have not made.</summary>
internal static class MissingUnits
{
    private const int Named = 8;

    /// <summary>Names the first units that are missing, and the shares of which no process has said that they are done.</summary>
    /// <param name="unit">What one is called.</param>
    /// <param name="missing">Those that are missing.</param>
    /// <param name="count">How many.</param>
    /// <param name="total">Of how many.</param>
    /// <param name="folder">The stage's folder.</param>
    /// <param name="command">The command that makes them.</param>
    public static DdoqException Of(string unit, IEnumerable<string> missing, int count, int total, string folder, string command)
    {
        string names = string.Join(", ", missing.Take(Named)), more = count > Named ? string.Create(CultureInfo.InvariantCulture, $" and {count - Named} more") : string.Empty;
        return new DdoqException(
            string.Create(CultureInfo.InvariantCulture, $"'{folder}': {count} of {total} {unit}{(total == 1 ? string.Empty : "s")} missing or damaged: {names}{more}{OpenShares(folder)}"),
            $"Run those shares of 'ddoq {command}' again, or all of them: only what is missing is done.");
    }

    private static string OpenShares(string folder)
    {
        var shares = new ShareFolder(folder);
        int count = shares.Read().Select(share => share.Record.Count).DefaultIfEmpty().Max();
        if (count == 0)
            return string.Empty;
        IReadOnlyDictionary<int, ShareState> states = shares.States(count);
        string open = Runs([.. Enumerable.Range(1, count).Where(number => states.GetValueOrDefault(number, ShareState.Running) != ShareState.Done)]);
        return open.Length == 0 ? string.Empty : string.Create(CultureInfo.InvariantCulture, $"; shares not done: {open} of {count}");
    }

    /// <summary>Numbers as Slurm's <c>--array</c> takes them: <c>1,4-7</c>.</summary>
    /// <param name="ascending">The numbers.</param>
    public static string Runs(IReadOnlyList<int> ascending)
    {
        var runs = new List<string>();
        for (int i = 0; i < ascending.Count; i++)
        {
            int first = ascending[i];
            while (i + 1 < ascending.Count && ascending[i + 1] == ascending[i] + 1)
                i++;
            runs.Add(first == ascending[i] ? Text(first) : $"{Text(first)}-{Text(ascending[i])}");
        }

        return string.Join(',', runs);
        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }
}
