namespace Ddoq.Bench.Device;

/// <summary>Keeps what a quantiser says, for example that the processor took over: then the device was not checked.</summary>
internal sealed class CollectedMessages : IProgressSink
{
    private readonly List<string> _messages = [];

    /// <summary>All of them in a fixed order, or null.</summary>
    public string? Text
    {
        get
        {
            lock (_messages)
                return _messages.Count == 0 ? null : string.Join("; ", _messages.Order(StringComparer.Ordinal));
        }
    }

    public void Begin(string stage, long total, string unit, long completed = 0)
    {
    }

    public void Advance(long units)
    {
    }

    public void End()
    {
    }

    public void Message(string text)
    {
        lock (_messages)
            _messages.Add(text);
    }
}
