using System.CommandLine;
using System.Text.Json.Nodes;
using Ddoq.Cli.Terminal;
using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq merge</c>: the shares of a stage to one result.</summary>
internal static class MergeCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals, "merge", "Join the shares of a stage that ran with --shard to the files that one whole run writes; names what is missing.");
        var parts = new Argument<string[]>("folder") { Description = "Output folders of the shares; of 'label', the folder labels in the set.", Arity = ArgumentArity.OneOrMore };
        command.Command.Add(parts);
        Option<string?> output = command.AddOption("--output", "Folder of the result. Default: the folder of the shares, when there is one.", "folder", alias: "-o");
        return command.Does(run =>
        {
            string[] folders = run.Parsed.GetValue(parts)!;
            string folder = run.Optional(output) ?? (folders.Length == 1 ? folders[0] : run.Required(output));
            Output.Write(run.Json, Describe(MergeStage.Run(folders, folder, run.Context), folder));
        });
    }

    private static JsonObject Describe(string stage, string folder)
    {
        switch (stage)
        {
            case "quantize":
                return PrototypeDescription.OfFolder(folder);
            case "encode":
                using (LatentStore store = LatentStore.Open(folder))
                    return Description.Of(store, folder);
            case "label":
                return Description.Of(LabelStage.ReadResult(folder));
            case "train":
                return Description.Of(TrainStage.ReadResults(folder));
            case "synthesize" when File.Exists(Path.Combine(folder, CandidateSet.FileName)):
                return Description.OfCandidates(folder);
            default:
                return Description.OfDistilledSet(folder);
        }
    }
}
