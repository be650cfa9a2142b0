using System.Globalization;

namespace Ddoq.Pipeline;

/// <summary>Shows a quantiser's progress in rows, since classes differ in size, and keeps its messages to a readable number.</summary>
/// <param name="outer">Where it is shown.</param>
internal sealed class RowProgress(IProgressSink outer) : IProgressSink
{
    private const int MostMessages = 20;
    private int _messages;

    /// <summary>The stage starts.</summary>
    public void BeginRows(long total, long completed) => outer.Begin("quantize", total, "rows", completed);

    /// <summary>A class of so many rows is complete.</summary>
    public void AdvanceRows(long rows) => outer.Advance(rows);

    /// <summary>The stage ends.</summary>
    public void EndRows()
    {
        outer.End();
        if (_messages > MostMessages)
            outer.Message(string.Create(CultureInfo.InvariantCulture, $"quantize: {_messages - MostMessages} further messages of this kind are left out"));
    }

    /// <inheritdoc/>
    public void Begin(string stage, long total, string unit, long completed = 0)
    {
    }

    /// <inheritdoc/>
    public void Advance(long units)
    {
    }

    /// <inheritdoc/>
    public void End()
    {
    }

    /// <inheritdoc/>
    public void Message(string text)
    {
        if (Interlocked.Increment(ref _messages) <= MostMessages)
            outer.Message(text);
    }
}
