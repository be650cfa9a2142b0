using System.Runtime.InteropServices;

namespace Ddoq.Cli.Terminal;

/// <summary>Turns SIGINT and SIGTERM into a cancellation; a second signal ends the process at once.</summary>
internal sealed class Signals : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;

    public Signals()
    {
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Handle(context, 130));
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Handle(context, 143));
    }

    public CancellationToken Token => _source.Token;

    /// <summary>The exit code of the signal that was caught (130 or 143); 0 when there was none.</summary>
    public int ExitCode { get; private set; }

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _source.Dispose();
    }

    private void Handle(PosixSignalContext context, int exitCode)
    {
        if (ExitCode != 0)
            return;
        context.Cancel = true;
        ExitCode = exitCode;
        Console.Error.WriteLine("stopping at the next safe point; run the same command again to go on from there");
        _source.Cancel();
    }
}
