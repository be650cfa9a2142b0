using System.CommandLine;
using System.Text.Json.Nodes;
using Ddoq.Cli.Terminal;
using Ddoq.Pipeline;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq report</c>: writes the HTML report of a finished run again.</summary>
internal static class ReportCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(signals, "report", "Write report.html of a finished 'distill' run again.");
        Option<string?> run = command.AddOption("--run", "Output folder of 'ddoq distill'.", "folder");
        return command.Does(invocation =>
        {
            var layout = new OutputLayout(invocation.Required(run));
            ReportStage.Run(layout, invocation.Context);
            Output.Write(invocation.Json, new JsonObject { ["report"] = layout.Report });
        });
    }
}
