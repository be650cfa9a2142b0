namespace Ddoq.Tests.Quantization;

/// <summary>Keeps what it is told.</summary>
internal sealed class RecordingProgress : IProgressSink
{
    private readonly Lock _gate = new();
    private readonly List<string> _messages = [];

    public IReadOnlyList<string> Messages
    {
        get
        {
            lock (_gate)
                return [.. _messages];
        }
    }

    public long Total { get; private set; }

    public long Completed { get; private set; }

    public bool Ended { get; private set; }

    public void Begin(string stage, long total, string unit, long completed = 0) => (Total, Completed) = (total, completed);

    public void Advance(long units) => Completed += units;

    public void End() => Ended = true;

    public void Message(string text)
    {
        lock (_gate)
            _messages.Add(text);
    }
}
