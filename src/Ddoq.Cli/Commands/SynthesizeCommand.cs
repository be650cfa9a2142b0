using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Distilled;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq synthesize</c>: prototypes to images.</summary>
internal static class SynthesizeCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals,
            "synthesize",
            "Turn prototypes into images with the diffusion model; writes an ImageFolder with weights.",
            Settings.Model,
            Settings.Scheduler,
            Settings.NumInferenceSteps,
            Settings.GuidanceScale,
            Settings.StartAlphaBar,
            Settings.Strength,
            Settings.Eta,
            Settings.SynthesisBatchSize,
            Settings.Weights,
            Settings.Seed,
            Settings.Provider,
            Settings.OrtPath,
            Settings.Workers);
        Option<string?> prototypes = command.AddOption("--prototypes", "prototypes.safetensors or the folder that holds it.", "path");
        Option<string?> output = command.AddOption("--output", "Folder of the distilled set.", "folder", alias: "-o");
        Option<bool> noise = command.AddSwitch("--from-noise", "Ignore the centres and start from pure noise (a control).");
        return command.Does(run =>
        {
            string path = run.Required(prototypes), folder = run.Required(output);
            string file = Directory.Exists(path) ? Path.Combine(path, PrototypeSet.FileName) : path;
            SynthesizeStage.Run(
                SynthesizeOptions.From(run.Configuration) with { FromNoise = run.Parsed.GetValue(noise) }, file, folder, run.Context);
            Output.Write(run.Json, Description.OfDistilledSet(folder));
        });
    }
}
