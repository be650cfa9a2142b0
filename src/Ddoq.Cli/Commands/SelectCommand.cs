using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq select</c>: the best K images of each class.</summary>
internal static class SelectCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals,
            "select",
            "Keep the K real images of each class that stand best for it, compared by pixels, or by the latents of --model; writes an ImageFolder that names their sources.",
            PipelineStages.Select);
        Option<string?> latents = command.AddOption("--latents", "Latent store with a row per training image, from 'ddoq encode' of the same images.", "path");
        Option<string?> output = command.AddOption("--output", "Folder of the distilled set.", "folder", alias: "-o");
        return command.Does(run =>
        {
            string folder = run.Required(output);
            SelectRun.Run(run.Configuration, run.Optional(latents), folder, run.Context);
            run.SaveSettings(folder);
            Output.Write(run.Json, Description.OfDistilledSet(folder));
        });
    }
}
