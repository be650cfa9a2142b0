using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Distilled;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Estimates;
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
            "Keep the K images of each class that stand best for it: real ones, compared by pixels or by the latents of --model, or candidates of 'synthesize --candidates'; writes an ImageFolder that names where each is from.",
            PipelineStages.Select);
        Option<string?> from = command.AddOption("--from", "What to choose from: data (the real images; the default), or a folder of candidates from 'ddoq synthesize --candidates'.", "data|folder");
        Option<string?> latents = command.AddOption("--latents", "Latent store with a row per training image, from 'ddoq encode'; candidates need it.", "path");
        Option<string?> prototypes = command.AddOption("--prototypes", "Prototypes that --objective nearest or medoids gives an image each; without it they are made.", "path");
        Option<string?> output = command.AddOption("--output", "Folder of the distilled set.", "folder", alias: "-o");
        Option<bool> dryRun = command.AddSwitch("--dry-run", "Do each part for some seconds and print time, disk and memory of the whole, without writing anything.");
        command.TakesShares("classes");
        return command.Does(run =>
        {
            string? centres = run.Optional(prototypes) is { } path && Directory.Exists(path) ? Path.Combine(path, PrototypeSet.FileName) : run.Optional(prototypes);
            if (run.Parsed.GetValue(dryRun))
            {
                Output.Write(run.Json, StageEstimate.ToJson(run.Optional(from) is { } folderOfCandidates and not "data"
                    ? SelectEstimate.MeasureCandidates(run.Configuration, folderOfCandidates, run.Required(latents), centres, run.Context)
                    : SelectEstimate.Measure(run.Configuration, run.Optional(latents), centres, run.Context)));
                return;
            }

            string folder = run.Required(output);
            bool isComplete = run.Optional(from) is { } candidates and not "data"
                ? SelectRun.RunOnCandidates(run.Configuration, candidates, run.Required(latents), centres, folder, run.Context)
                : SelectRun.Run(run.Configuration, run.Optional(latents), centres, folder, run.Context);
            run.SaveSettings(folder);
            Output.Write(run.Json, isComplete ? Description.OfDistilledSet(folder) : Description.OfShare(run.Context.Share, "distilled_set", folder));
        });
    }
}
