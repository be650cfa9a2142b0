using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Pipeline.Planning;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq status</c>: how far the shares of a run are.</summary>
internal static class StatusCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(signals, "status", "Say for each stage of a run which shares are done, running, failed or missing, how fast they are, and how long they will take.");
        var run = new Argument<string>("run") { Description = "Folder of the run, or of one stage." };
        command.Command.Add(run);
        return command.Does(invocation => Output.Write(invocation.Json, RunStatus.Of(invocation.Parsed.GetValue(run)!)));
    }
}
