using System.Diagnostics;
using System.Globalization;

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
