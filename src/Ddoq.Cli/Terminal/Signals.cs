using System.Runtime.InteropServices;

namespace Ddoq.Cli.Terminal;

/// <summary>Turns SIGINT and SIGTERM into cancellations; a second signal ends the process at once.</summary>
/// <remarks>
/// SIGINT drops the units in work. SIGTERM, which schedulers send before they kill, lets them end within <see cref="Grace"/>,
/// and drops them only then.
/// </remarks>
internal sealed class Signals : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;

    public Signals()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Handle(context, 130));
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Handle(context, 143));
    }

    /// <summary>Drops the units in work.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Ends when the units in work are done.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>How long SIGTERM leaves the units in work: less than the 30 seconds after which Slurm and Kubernetes kill by default.</summary>
    public TimeSpan Grace { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>The exit code of the signal that was caught (130 or 143); 0 when there was none.</summary>
    public int ExitCode { get; private set; }

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _stopping.Dispose();
        _source.Dispose();
    }

    private void Handle(PosixSignalContext context, int exitCode)
    {
        if (ExitCode != 0)
            return;
        context.Cancel = true;
        ExitCode = exitCode;
        Console.Error.WriteLine("stopping at the next safe point; run the same command again to go on from there");
        if (exitCode == 130)
            _source.Cancel();
        else
            _source.CancelAfter(Grace);
        _stopping.Cancel();
    }
}
