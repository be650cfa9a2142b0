using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Estimates;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq train</c>: students on one distilled set.</summary>
internal static class TrainCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals,
            "train",
            "Train students on a distilled set and measure their accuracy on the test images.",
            PipelineStages.Train);
        Option<string?> set = command.AddOption("--distilled", "Folder of the distilled set.", "folder");
        Option<string?> output = command.AddOption("--output", "Folder of the student runs.", "folder", alias: "-o");
        Option<bool> dryRun = command.AddSwitch("--dry-run", "Train for some seconds and print updates, time, disk and memory of the whole, without writing anything.");
        command.TakesShares("students");
        return command.Does(run =>
        {
            if (run.Parsed.GetValue(dryRun))
            {
                Output.Write(run.Json, PipelineInvocation.Estimate(() => TrainEstimate.Measure(TrainOptions.From(run.Configuration), run.Required(set), run.Context)).ToJson());
                return;
            }

            var result = TrainStage.RunOne(TrainOptions.From(run.Configuration), run.Required(set), run.Required(output), run.Context);
            run.SaveSettings(run.Required(output));
            Output.Write(run.Json, result is null ? Description.OfShare(run.Context.Share, "students", run.Required(output)) : Description.Of(result));
        });
    }
}
