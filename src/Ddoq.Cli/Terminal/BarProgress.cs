using Spectre.Console;

namespace Ddoq.Cli.Terminal;

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
