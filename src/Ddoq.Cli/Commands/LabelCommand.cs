using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Estimates;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq label</c>: teacher logits and the class-order check.</summary>
internal static class LabelCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals,
            "label",
            "Label a distilled set with a teacher and check that its class order fits.",
            PipelineStages.Label);
        Option<string?> set = command.AddOption("--distilled", "Folder of the distilled set.", "folder");
        Option<bool> dryRun = command.AddSwitch("--dry-run", "Label for some seconds and print network calls, time, disk and memory of the whole, without writing anything.");
        command.TakesShares("images, in parts of 4,096");
        return command.Does(run =>
        {
            if (run.Parsed.GetValue(dryRun))
            {
                Output.Write(run.Json, PipelineInvocation.Estimate(() => LabelEstimate.Measure(LabelOptions.From(run.Configuration), run.Required(set), run.Context)).ToJson());
                return;
            }

            LabelResult? result = LabelStage.Run(LabelOptions.From(run.Configuration), run.Required(set), run.Context);
            run.SaveSettings(Path.Combine(run.Required(set), "labels"));
            Output.Write(run.Json, result is null ? Description.OfShare(run.Context.Share, "labels", Path.Combine(run.Required(set), "labels")) : Description.Of(result));
        });
    }
}
