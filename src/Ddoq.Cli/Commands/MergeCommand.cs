using System.CommandLine;
using Ddoq.Cli.Terminal;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq merge</c>: the shares of a sharded quantisation to one result.</summary>
internal static class MergeCommand
{
    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals, "merge", "Join the shares of 'ddoq quantize --shard I/N' to the files that one whole run writes.");
        var parts = new Argument<string[]>("folder") { Description = "Output folders of the shares.", Arity = ArgumentArity.OneOrMore };
        command.Command.Add(parts);
        Option<string?> output = command.AddOption("--output", "Folder of the result. Default: the folder of the shares, when there is one.", "folder", alias: "-o");
        return command.Does(run =>
        {
            string[] folders = run.Parsed.GetValue(parts)!;
            string folder = run.Optional(output) ?? (folders.Length == 1 ? folders[0] : run.Required(output));
            MergeStage.Run(folders, folder, run.Context);
            Output.Write(run.Json, PrototypeDescription.OfFolder(folder));
        });
    }
}
