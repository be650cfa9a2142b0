using System.CommandLine;
using System.Text.Json.Nodes;
using Ddoq.Cli.Terminal;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Planning;

namespace Ddoq.Cli.Commands;

/// <summary><c>ddoq plan</c>: a run in shares, and the files that run it.</summary>
internal static class PlanCommand
{
    private const PipelineStages AllStages = PipelineStages.Encode | PipelineStages.Quantize | PipelineStages.Synthesize | PipelineStages.Label | PipelineStages.Train;

    public static Command Create(Signals signals)
    {
        var command = new PipelineCommand(
            signals,
            "plan",
            "Measure every stage for some seconds, cut it into shares, and write job files for a shell, Slurm and Kubernetes.",
            AllStages);
        Option<string?> output = command.AddOption("--output", "Folder of the run; job files go to its folder 'jobs'.", "folder", alias: "-o");
        Option<string?> minutes = command.AddOption("--share-minutes", "Minutes that a share should take. Default: a twenty-fifth of what each of --at-once has of the stage, 1 to 10.", "minutes");
        Option<string?> most = command.AddOption("--most-shares", "Most shares of a stage. Default: 1000, Slurm's usual limit of an array.", "n");
        Option<string?> atOnce = command.AddOption("--at-once", "Shares at work at once. Default: left to the scheduler; one in the shell's loop.", "n");
        Option<string?> processors = command.AddOption("--cpus", "Processors of a share, which are its --workers too. Default: left to the scheduler.", "n");
        Option<string?> gpus = command.AddOption("--gpus", "GPUs of a share. Default: 0.", "n");
        Option<string?> partition = command.AddOption("--partition", "Slurm's partition.", "name");
        Option<string?> image = command.AddOption("--container-image", "Image of the pods. Default: ddoq:latest.", "image");
        Option<string?> claim = command.AddOption("--volume-claim", "Kubernetes' claim of the shared volume, mounted at the working folder. Default: ddoq.", "name");
        Option<string?> program = command.AddOption("--program", "The program in the jobs. Default: ddoq.", "path");
        return command.Does(run =>
        {
            string folder = Path.GetFullPath(run.Required(output));
            var options = new ScalePlanOptions { Run = folder };
            options = options with
            {
                ShareMinutes = run.Optional(minutes) is { } text ? Real(minutes.Name, text) : null,
                AtOnce = Whole(atOnce, 1) ?? 0,
                MostShares = Whole(most, 1) ?? options.MostShares,
            };
            var jobs = new JobOptions();
            jobs = jobs with
            {
                AtOnce = options.AtOnce,
                Processors = Whole(processors, 1) ?? 0,
                Gpus = Whole(gpus, 0) ?? 0,
                Partition = run.Optional(partition),
                Image = run.Optional(image) ?? jobs.Image,
                VolumeClaim = run.Optional(claim) ?? jobs.VolumeClaim,
                Program = run.Optional(program) ?? jobs.Program,
            };
            ScalePlan plan = ScalePlan.Measure(run.Configuration, options, run.Context);
            IReadOnlyList<string> files = JobFiles.Write(options.Jobs, plan, jobs);
            JsonObject result = plan.ToJson();
            result.Insert(0, "jobs", options.Jobs);
            result.Insert(1, "files", files.Count);
            Output.Write(run.Json, result);

            int? Whole(Option<string?> option, int least) => run.Optional(option) is not { } number ? null
                : SettingValues.WholeNumber(least, 1_000_000).TryParse(number, out int value) ? value
                : throw new UsageException($"{option.Name}: '{number}' is not allowed; allowed: a whole number from {least}", $"Give {option.Name} a number, for example 8.");
        });
    }

    private static double Real(string name, string text) => SettingValues.Real(0.001, 10_000).TryParse(text, out double value)
        ? value
        : throw new UsageException($"{name}: '{text}' is not allowed; allowed: minutes from 0.001 to 10000", $"Give {name} a number, for example 10.");
}
