using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Latents;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Estimates;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq encode</c>: images to a latent store.</summary>
internal static class EncodeCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals,
            "encode",
            "Encode the training images to latents with the model's VAE.",
            PipelineStages.Encode);
        Option<string?> output = command.AddOption("--output", "Folder of the latent store.", "folder", alias: "-o");
        Option<bool> dryRun = command.AddSwitch("--dry-run", "Encode for some seconds and print network calls, time, disk and memory of the whole, without writing anything.");
        command.TakesShares("shard files");
        return command.Does(run =>
        {
            if (run.Parsed.GetValue(dryRun))
            {
                Output.Write(run.Json, PipelineInvocation.Estimate(() => EncodeEstimate.Measure(EncodeOptions.From(run.Configuration), run.Context)).ToJson());
                return;
            }

            string folder = run.Required(output);
            bool isComplete = EncodeStage.Run(EncodeOptions.From(run.Configuration), folder, run.Context);
            run.SaveSettings(folder);
            if (!isComplete)
            {
                Output.Write(run.Json, Description.OfShare(run.Context.Share, "latents", folder));
                return;
            }

            using LatentStore store = LatentStore.Open(folder);
            Output.Write(run.Json, Description.Of(store, folder));
        });
    }
}
