using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Pipeline;
using Ddoq.Pipeline.Configuration;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq distill</c>: the whole way, from images to the comparison and its report.</summary>
internal static class DistillCommand
{
    private const PipelineStages AllStages =
        PipelineStages.Encode | PipelineStages.Quantize | PipelineStages.Synthesize | PipelineStages.Label | PipelineStages.Train | PipelineStages.Evaluate;

    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals,
            "distill",
            "Do everything: encode, quantize, synthesize, label, train and compare with the controls. Needs no option.",
            AllStages,
            ComparisonSettings.Arms,
            ComparisonSettings.SoftArms,
            ComparisonSettings.FullUpdates,
            SelectSettings.MinConfidence,
            SelectSettings.CandidateLatents);
        Option<string?> output = command.AddOption("--output", "Folder of all results. Default: ddoq-out.", "folder", alias: "-o");
        Option<bool> dryRun = command.AddSwitch("--dry-run", "Measure some batches of every stage and print network calls, time, disk and memory of the whole, without writing anything.");
        Option<string?> forced = command.AddOption("--force-stage", $"Discard what some stages left, as --force does for all: {string.Join(", ", DistillRun.StageNames)}, with commas between.", "stage,...");
        return command.Does(run =>
        {
            StageContext context = run.Context with { ForcedStages = DistillRun.ParseStages(run.Optional(forced)) };
            var distillation = new DistillRun(run.Configuration, run.Optional(output) ?? "ddoq-out");
            if (run.Parsed.GetValue(dryRun))
            {
                Output.Write(run.Json, distillation.Plan(context));
                return;
            }

            DistillResult result = distillation.Execute(context);
            if (run.Json)
                Console.Out.WriteLine(result.ToJson());
            else
                Console.Out.WriteLine(result.ToText());
        });
    }
}
