namespace Ddoq.Pipeline.Stages;

/// <summary>The files of a worker's previous batch, written while it computes the next. Disposing waits for the last.</summary>
internal sealed class PendingFiles : IDisposable
{
    private Task _previous = Task.CompletedTask;

    /// <summary>Waits for the previous batch's files, then starts the next one's.</summary>
    public void Replace(Action write)
    {
        _previous.GetAwaiter().GetResult();
        _previous = Task.Run(write);
    }

    public void Dispose() => _previous.GetAwaiter().GetResult();
}
