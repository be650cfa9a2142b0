namespace Ddoq;

/// <summary>Receives the progress of a long stage. Implementations are thread-safe and cheap to call.</summary>
public interface IProgressSink
{
    /// <summary>A stage (or a part of one) starts.</summary>
    /// <param name="stage">Short name, for example <c>encode</c>.</param>
    /// <param name="total">Units of work, for example rows or classes.</param>
    /// <param name="unit">Plural name of a unit, for example <c>images</c>.</param>
    /// <param name="completed">Units already complete, for example after a resume.</param>
    void Begin(string stage, long total, string unit, long completed = 0);

    /// <summary>Units of work finished since the last call.</summary>
    void Advance(long units);

    /// <summary>The stage ended (successfully or not).</summary>
    void End();

    /// <summary>One line of information worth keeping, for example a fallback that was taken.</summary>
    void Message(string text);
}

/// <summary>Ignores all progress.</summary>
public sealed class NullProgress : IProgressSink
{
    /// <summary>The only instance.</summary>
    public static NullProgress Instance { get; } = new();

    private NullProgress()
    {
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
    }
}
