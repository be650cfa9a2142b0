using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Ddoq.Cli.Terminal;

/// <summary>Progress as lines on stderr, for logs: one at the start, one every few seconds, one at the end.</summary>
internal sealed class PlainProgress(TextWriter writer) : IProgressSink
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Stopwatch _clock = new();
    private string _stage = string.Empty;
    private string _unit = string.Empty;
    private long _total;
    private long _done;
    private long _start;
    private TimeSpan _lastLine;

    public void Begin(string stage, long total, string unit, long completed = 0)
    {
        lock (_lock)
        {
            (_stage, _unit, _total, _done, _start) = (stage, unit, total, completed, completed);
            _clock.Restart();
            _lastLine = TimeSpan.Zero;
            string resumed = completed > 0 ? string.Create(CultureInfo.InvariantCulture, $", {completed:N0} already done") : string.Empty;
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{stage}: {total:N0} {unit}{resumed}"));
        }
    }

    public void Advance(long units)
    {
        lock (_lock)
        {
            _done += units;
            if (_clock.Elapsed - _lastLine < Interval || _done >= _total)
                return;
            _lastLine = _clock.Elapsed;
            double rate = (_done - _start) / _clock.Elapsed.TotalSeconds;
            string left = rate > 0 ? Duration((_total - _done) / rate) : "?";
            writer.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{_stage}: {_done:N0}/{_total:N0} {_unit} ({100.0 * _done / _total:F0} %), {rate:N1} {_unit}/s, {left} left"));
        }
    }

    public void End()
    {
        lock (_lock)
        {
            double seconds = _clock.Elapsed.TotalSeconds;
            string rate = seconds > 0 && _done > _start
                ? string.Create(CultureInfo.InvariantCulture, $", {(_done - _start) / seconds:N1} {_unit}/s")
                : string.Empty;
            writer.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{_stage}: {_done:N0}/{_total:N0} {_unit} in {Duration(seconds)}{rate}"));
        }
    }

    public void Message(string text)
    {
        lock (_lock)
            writer.WriteLine(text);
    }

    private static string Duration(double seconds)
    {
        if (seconds < 60)
            return string.Create(CultureInfo.InvariantCulture, $"{seconds:F1} s");
        long whole = (long)Math.Min(seconds, 359_999_999);
        return whole < 3600
            ? string.Create(CultureInfo.InvariantCulture, $"{whole / 60}:{whole % 60:D2} min")
            : string.Create(CultureInfo.InvariantCulture, $"{whole / 3600}:{whole / 60 % 60:D2}:{whole % 60:D2} h");
    }
}

/// <summary>Progress as a bar on an interactive terminal (stderr): share, count, speed and time left.</summary>
internal sealed class BarProgress(IAnsiConsole console) : IProgressSink, IDisposable
{
    private readonly Lock _lock = new();
    private ProgressTask? _task;
    private Task? _display;
    private ManualResetEventSlim? _ended;

    public void Begin(string stage, long total, string unit, long completed = 0)
    {
        End();
        lock (_lock)
        {
            using var started = new ManualResetEventSlim();
            var ended = _ended = new ManualResetEventSlim();
            _display = Task.Run(() => console.Progress()
                .Columns(
                    new TaskDescriptionColumn { Alignment = Justify.Left },
                    new ProgressBarColumn(),
                    new PercentageColumn(),
                    new RateColumn(unit),
                    new RemainingTimeColumn(),
                    new ElapsedTimeColumn())
                .Start(context =>
                {
                    _task = context.AddTask(Markup.Escape($"{stage} ({total:N0} {unit})"), maxValue: Math.Max(1, total));
                    _task.Increment(completed);
                    started.Set();
                    ended.Wait();
                    _task.StopTask();
                }));
            started.Wait();
        }
    }

    public void Advance(long units) => _task?.Increment(units);

    public void End()
    {
        lock (_lock)
        {
            _ended?.Set();
            _display?.Wait();
            _ended?.Dispose();
            (_task, _display, _ended) = (null, null, null);
        }
    }

    public void Message(string text) => console.MarkupLine(Markup.Escape(text));

    public void Dispose() => End();
}

/// <summary>Units per second of a progress bar, over its last moments.</summary>
/// <param name="unit">Plural name of a unit.</param>
internal sealed class RateColumn(string unit) : ProgressColumn
{
    protected override bool NoWrap => true;

    public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) => new Text(
        task.Speed is double speed ? string.Create(CultureInfo.InvariantCulture, $"{speed:N1} {unit}/s") : string.Empty);
}

/// <summary>Chooses bars for a terminal, lines for a log, nothing for <c>--quiet</c>.</summary>
internal static class ProgressFactory
{
    public static IProgressSink Create(bool quiet)
    {
        if (quiet)
            return NullProgress.Instance;
        if (Console.IsErrorRedirected)
            return new PlainProgress(Console.Error);
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Profile.Capabilities.Interactive ? new BarProgress(console) : new PlainProgress(Console.Error);
    }
}
