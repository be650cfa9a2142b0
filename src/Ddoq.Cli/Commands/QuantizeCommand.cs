using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Estimates;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq quantize</c>: latents to prototypes.</summary>
internal static class QuantizeCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals,
            "quantize",
            "Quantise the latents of every class: centres, counts, weights.",
            PipelineStages.Quantize);
        Option<string?> latents = command.AddOption("--latents", "Latent store (folder or one safetensors file).", "path");
        Option<string?> output = command.AddOption("--output", "Folder of the prototypes.", "folder", alias: "-o");
        Option<string?> curve = command.AddOption("--curve", "Measure the distortion of several numbers of centres per class and write curve.csv instead of prototypes.", "K,K,...");
        Option<bool> dryRun = command.AddSwitch("--dry-run", "Quantise for some seconds and print time, disk and memory of the whole, without writing anything.");
        command.TakesShares("classes");
        return command.Does(run =>
        {
            QuantizeOptions options = QuantizeOptions.From(run.Configuration);
            if (run.Parsed.GetValue(dryRun))
            {
                Output.Write(run.Json, PipelineInvocation.Estimate(() => QuantizeEstimate.Measure(options, run.Required(latents), run.Context)).ToJson());
                return;
            }

            string folder = run.Required(output);
            if (run.Optional(curve) is string counts)
            {
                if (run.Context.Share.IsPartial || run.Configuration.IsGiven(QuantizeSettings.Ipc))
                    throw new UsageException("--curve goes with neither --shard nor --ipc", "The curve's numbers of centres are its own: leave the other option out.");
                Output.Write(run.Json, PrototypeDescription.OfCurve(CurveStage.Run(options, CurveStage.ParseCounts(counts), run.Required(latents), folder, run.Context), folder));
                return;
            }

            QuantizeResult result = QuantizeStage.Run(options, run.Required(latents), folder, run.Context);
            run.SaveSettings(folder);
            Output.Write(run.Json, result.IsComplete ? PrototypeDescription.OfFolder(folder) : Description.OfShare(result.Share, "prototypes", folder, ("share_classes", result.ShareClasses), ("class_count", result.Classes)));
        });
    }
}
