namespace Ddoq.Pipeline;

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
