using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Distilled;
using Ddoq.Pipeline.Configuration;
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
            Settings.Ipc,
            Settings.Algorithm,
            Settings.Initialization,
            Settings.MaxIterations,
            Settings.Restarts,
            Settings.HoldOut,
            Settings.Seed,
            Settings.Device,
            Settings.Workers,
            Settings.Memory);
        Option<string?> latents = command.AddOption("--latents", "Latent store (folder or one safetensors file).", "path");
        Option<string?> output = command.AddOption("--output", "Folder of the prototypes.", "folder", alias: "-o");
        return command.Does(run =>
        {
            string folder = run.Required(output);
            QuantizeStage.Run(QuantizeOptions.From(run.Configuration), run.Required(latents), folder, run.Context);
            using PrototypeSet set = PrototypeSet.Load(Path.Combine(folder, PrototypeSet.FileName));
            Output.Write(run.Json, Description.Of(set, folder));
        });
    }
}
