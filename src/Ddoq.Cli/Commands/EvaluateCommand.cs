using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Distilled;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq evaluate</c>: distortion and exact W2 of prototypes against latents.</summary>
internal static class EvaluateCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals,
            "evaluate",
            "Measure prototypes against latents: distortion, and exact Wasserstein-2 distances by optimal transport.",
            PipelineStages.Evaluate);
        Option<string?> latents = command.AddOption("--latents", "Latent store.", "path");
        Option<string?> prototypes = command.AddOption("--prototypes", "prototypes.safetensors or the folder that holds it.", "path");
        return command.Does(run =>
        {
            string path = run.Required(prototypes);
            string file = Directory.Exists(path) ? Path.Combine(path, PrototypeSet.FileName) : path;
            var distances = EvaluateStage.Measure(
                run.Required(latents), file, run.Context);
            Output.Write(run.Json, Description.Of(distances));
        });
    }
}
