using System.CommandLine;
using System.CommandLine.Help;
using Ddoq.Cli.Commands;
using Ddoq.Cli.Terminal;
using Ddoq.Pipeline.Configuration;

namespace Ddoq.Cli;

internal static class Program
{
    private static int Main(string[] args)
    {
        StandardStreams.Protect();
        using var signals = new Signals();
        return StandardStreams.Finish(Run(args, signals));
    }

    private static int Run(string[] args, Signals signals)
    {
        // Not a RootCommand: that takes its name from the assembly, and help should show the program's.
        var root = new Command("ddoq", "DDOQ: turns a labelled image dataset into a few weighted synthetic images per class.")
        {
            new HelpOption(),
            new VersionOption(),
        };
        foreach (Command command in CommandTable.Create(signals))
            root.Add(command);

        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
                Console.Error.WriteLine($"error: {error.Message}");
            string? meant = parsed.UnmatchedTokens.Where(token => token.StartsWith("--", StringComparison.Ordinal))
                .Select(token => Settings.Nearest(token.Split('=')[0], parsed.CommandResult.Command.Options.Select(option => option.Name)))
                .FirstOrDefault(name => name is not null);
            Console.Error.WriteLine($"hint: {(meant is null ? string.Empty : $"did you mean {meant}? ")}'{HelpFor(parsed)} --help' lists what is allowed.");
            return ErrorReport.UsageExitCode;
        }

        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    private static string HelpFor(ParseResult parsed)
    {
        string name = parsed.CommandResult.Command.Name;
        return name == "ddoq" ? name : $"ddoq {name}";
    }
}
