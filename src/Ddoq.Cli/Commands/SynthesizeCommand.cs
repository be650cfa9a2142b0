using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Distilled;
using Ddoq.Onnx.Schedulers;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Estimates;
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
            PipelineStages.Synthesize);
        Option<string?> prototypes = command.AddOption("--prototypes", "prototypes.safetensors or the folder that holds it.", "path");
        Option<string?> latents = command.AddOption("--latents", "Latent store that the prototypes are of; --weights-from images counts its rows.", "path");
        Option<string?> output = command.AddOption("--output", "Folder of the distilled set.", "folder", alias: "-o");
        Option<bool> noise = command.AddSwitch("--from-noise", "Ignore the centres and start from pure noise (a control).");
        Option<bool> dryRun = command.AddSwitch("--dry-run", "Measure some batches and print network calls, time, disk and memory of the whole, without writing anything.");
        command.TakesShares("batches");
        return command.Does(run =>
        {
            string path = run.Required(prototypes);
            string file = Directory.Exists(path) ? Path.Combine(path, PrototypeSet.FileName) : path;
            SynthesizeOptions options = SynthesizeOptions.From(run.Configuration) with { DataLatents = run.Optional(latents) };
            if (run.Parsed.GetValue(noise))
            {
                if (options.Sampling.Start is not null)
                    throw new UsageException("--from-noise and a start level exclude each other", "Leave --start-alpha-bar and --strength out.");
                options = options with { Sampling = options.Sampling with { Start = StartLevel.PureNoise } };
            }

            if (run.Parsed.GetValue(dryRun))
            {
                using PrototypeSet set = PrototypeSet.Load(file);
                Output.Write(run.Json, PipelineInvocation.Estimate(() => SynthesisEstimate.Measure(options, set, run.Context)).ToJson());
                return;
            }

            string folder = run.Required(output);
            bool isComplete = SynthesizeStage.Run(options, file, folder, run.Context);
            run.SaveSettings(folder);
            Output.Write(run.Json, !isComplete ? Description.OfShare(run.Context.Share, "distilled_set", folder) : options.Candidates > 1 ? Description.OfCandidates(folder) : Description.OfDistilledSet(folder));
        });
    }
}
