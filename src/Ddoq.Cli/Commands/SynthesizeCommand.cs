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
            Settings.GuidanceChannels,
            Settings.Prompt,
            Settings.NegativePrompt,
            Settings.ClassTexts,
            Settings.StartAlphaBar,
            Settings.Strength,
            Settings.Eta,
            Settings.TimestepSpacing,
            Settings.PndmStart,
            Settings.SynthesisBatchSize,
            Settings.Weights,
            Settings.Seed,
            Settings.Provider,
            Settings.Precision,
            Settings.EngineCache,
            Settings.OrtPath,
            Settings.Workers);
        Option<string?> prototypes = command.AddOption("--prototypes", "prototypes.safetensors or the folder that holds it.", "path");
        Option<string?> output = command.AddOption("--output", "Folder of the distilled set.", "folder", alias: "-o");
        Option<bool> noise = command.AddSwitch("--from-noise", "Ignore the centres and start from pure noise (a control).");
        Option<bool> dryRun = command.AddSwitch("--dry-run", "Measure one batch and print network calls, time and disk of the whole, without doing it.");
        return command.Does(run =>
        {
            string path = run.Required(prototypes);
            string file = Directory.Exists(path) ? Path.Combine(path, PrototypeSet.FileName) : path;
            SynthesizeOptions options = SynthesizeOptions.From(run.Configuration) with { FromNoise = run.Parsed.GetValue(noise) };
            if (run.Parsed.GetValue(dryRun))
            {
                using PrototypeSet set = PrototypeSet.Load(file);
                Output.Write(run.Json, SynthesisEstimate.Measure(options, set.ClassNames, checked((int)set.TotalCenters), run.Context).ToJson());
                return;
            }

            string folder = run.Required(output);
            SynthesizeStage.Run(options, file, folder, run.Context);
            Output.Write(run.Json, Description.OfDistilledSet(folder));
        });
    }
}
