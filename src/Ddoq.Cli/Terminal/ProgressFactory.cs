using Spectre.Console;

namespace Ddoq.Cli.Terminal;

/// <summary>Chooses bars for a terminal, lines for a log, nothing for <c>--quiet</c>.</summary>
internal static class ProgressFactory
{
    public static IProgressSink Create(bool quiet)
    {
        if (quiet)
            return NullProgress.Instance;
        if (Console.IsErrorRedirected)
            return new PlainProgress(Console.Error);
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Profile.Capabilities.Interactive ? new BarProgress(console) : new PlainProgress(Console.Error);
    }
}
