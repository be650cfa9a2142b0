using System.Globalization;
using System.Text.Json.Nodes;
using Ddoq.Imaging;
using Ddoq.Onnx.Models;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Estimates;
using Ddoq.Pipeline.Stages;
using Ddoq.Training;
using Ddoq.Training.Protocols;

namespace Ddoq.Pipeline.Planning;

/// <summary>One stage of a planned run: its command, its cost, and in how many shares it is done.</summary>
/// <param name="Stage">Name of the command.</param>
/// <param name="Arguments">Arguments of the command but <c>--shard</c>, paths as the jobs see them.</param>
/// <param name="Output">Folder of the stage's record, which <c>merge</c> and <c>status</c> take.</param>
/// <param name="Units">Units of work.</param>
/// <param name="Unit">What a unit is, in the plural.</param>
/// <param name="SecondsPerUnit">Wall-clock time of a unit here, with all workers.</param>
/// <param name="StartSeconds">Time of a process before its first unit.</param>
/// <param name="Shares">Shares.</param>
/// <param name="DiskBytes">Bytes of the result.</param>
/// <param name="MemoryBytes">Bytes of a process.</param>
public sealed record PlannedStage(
    string Stage, IReadOnlyList<string> Arguments, string Output, long Units, string Unit, double SecondsPerUnit, double StartSeconds, int Shares, long DiskBytes, long MemoryBytes)
{
    /// <summary>Expected time of one share.</summary>
    public double SecondsPerShare => StartSeconds + (Units * SecondsPerUnit / Shares);

    /// <summary>Whether the stage's own command joins the shares, because it needs the model for that; else <c>merge</c> does.</summary>
    public bool JoinsItself { get; init; }
}

/// <summary>What a planned run is to look like.</summary>
public sealed record ScalePlanOptions
{
    /// <summary>Folder of the run, as the jobs see it.</summary>
    public required string Run { get; init; }

    /// <summary>Minutes that a share should take; null takes a twenty-fifth of what a worker has of the stage, from 1 to 10 minutes and ten starts.</summary>
    public double? ShareMinutes { get; init; }

    /// <summary>Shares at work at once, as far as it is known; 0 where it is not.</summary>
    public int AtOnce { get; init; }

    /// <summary>Most shares of a stage: schedulers limit the size of arrays (Slurm's default is 1,000).</summary>
    public int MostShares { get; init; } = 1000;

    /// <summary>Folder of the job files, where <c>config.toml</c> is too.</summary>
    public string Jobs => Path.Combine(Run, "jobs");
}

/// <summary>The whole way of a run in shares, from measured batches of the very data and model.</summary>
/// <param name="Stages">In their order.</param>
/// <param name="Configuration">The settings of all stages.</param>
public sealed record ScalePlan(IReadOnlyList<PlannedStage> Stages, PipelineConfiguration Configuration)
{
    // Enough for a rate; all of a large run would not fit into memory.
    private const int MeasuredImages = 512;

    // Shares of a twentieth to a thirtieth of a worker's time waste least: fewer leave workers idle behind the last ones, more
    // only start processes. A share of minutes is also what a lost node may cost.
    private const double SharesPerWorker = 25, LeastSeconds = 60, MostSeconds = 600, StartsPerShare = 10, RoundOff = 1e-6;

    /// <summary>Reads the index of the data and measures some seconds of every stage. Writes nothing.</summary>
    /// <param name="configuration">Settings of the run.</param>
    /// <param name="options">Folder and length of shares.</param>
    /// <param name="context">Workers, cancellation.</param>
    /// <exception cref="DdoqException">Data or model are not usable.</exception>
    public static ScalePlan Measure(PipelineConfiguration configuration, ScalePlanOptions options, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        StageContext quiet = context with { Progress = NullProgress.Instance };
        EncodeOptions encode = EncodeOptions.From(configuration);
        QuantizeOptions quantize = QuantizeOptions.From(configuration);
        using IImageDataset data = encode.Images.OpenTraining(context.Cancellation);
        context.Progress.Message($"plan: measuring every stage on {data.Count} images of {data.ClassNames.Count} classes; it takes a few seconds each");
        (StageEstimate encoding, StandInRows rows) = EncodeEstimate.Measure(encode, data, quiet);

        // Shard files are encode's units: small enough for as many shares as the time asks for.
        int wanted = SharesOf(encoding, options, long.MaxValue), perShard = ((data.Count - 1) / wanted) + 1;
        if (!configuration.IsGiven(DataSettings.RowsPerShard) && perShard < encode.RowsPerShard)
            configuration = configuration.With(DataSettings.RowsPerShard, perShard.ToString(CultureInfo.InvariantCulture));
        int rowsPerShard = EncodeOptions.From(configuration).RowsPerShard;
        int[] classes = [.. Enumerable.Range(0, data.ClassNames.Count)];
        StageEstimate quantizing = QuantizeEstimate.Measure(quantize, rows, classes, default, quiet);
        int images = classes.Sum(c => Math.Min(quantize.Quantizer.CentroidCount, rows.RowCount(c)));
        SynthesisEstimate synthesis = SynthesisEstimate.Measure(SynthesizeOptions.From(configuration), data.ClassNames, images, quiet);
        var plan = new List<PlannedStage>
        {
            Plan(encoding, ["-o", In("latents")], In("latents"), ((data.Count - 1) / rowsPerShard) + 1),
            Plan(quantizing, ["--latents", In("latents"), "-o", In("prototypes")], In("prototypes"), classes.Length),
            PlanSynthesis(),
        };
        AddStudents();
        return new ScalePlan(plan, configuration);

        string In(string folder) => Path.Combine(options.Run, folder);

        PlannedStage PlanSynthesis()
        {
            string[] arguments = ["--prototypes", In("prototypes"), "-o", In("set")];
            return SynthesizeOptions.From(configuration).WeightsFrom == WeightSource.Images
                ? Plan(synthesis, [.. arguments, "--latents", In("latents")], In("set"), synthesis.Batches) with { JoinsItself = true }
                : Plan(synthesis, arguments, In("set"), synthesis.Batches);
        }

        PlannedStage Plan(StageEstimate estimate, string[] arguments, string output, long most) => new(
            estimate.Stage,
            ["-c", Path.Combine(options.Jobs, "config.toml"), .. arguments],
            output,
            estimate.Units,
            estimate.Unit,
            estimate.SecondsPerUnit,
            estimate.StartSeconds,
            SharesOf(estimate, options, most),
            estimate.DiskBytes,
            estimate.MemoryBytes);

        void AddStudents()
        {
            ModelFolder model = encode.OpenModel();
            TrainOptions train = TrainOptions.From(configuration);
            LabelOptions label = LabelOptions.From(configuration);
            int measured = Math.Min(images, MeasuredImages), length = 3 * model.ImageSize * model.ImageSize;
            var pixels = new byte[measured * length];
            new Random(1).NextBytes(pixels);
            ProtocolRecipe recipe = train.RecipeFor(quantize.Quantizer.CentroidCount, model.ImageSize, classes.Length);
            if (label.FindTeacher() is { } teacher)
            {
                try
                {
                    StageEstimate labelling = LabelEstimate.Measure(teacher, label, data.ClassNames, pixels, measured, images, default, quiet);
                    plan.Add(Plan(labelling, ["--distilled", In("set")], Path.Combine(In("set"), "labels"), LabelStage.PartsOf(images)));
                }
                catch (DdoqException e) when (e is not DeviceUnavailableException && !recipe.NeedsTeacher && !recipe.NeedsStoredLabels)
                {
                    context.Progress.Message($"plan: without 'label', which the protocol does not need: {e.Message}");
                }
            }

            // A student's updates follow from the number of images; they are measured on a few.
            int[] labels = [.. Enumerable.Range(0, measured).Select(i => i % classes.Length)];
            float[]? soft = train.NeedsStoredLabels ? new float[measured * classes.Length] : null;
            TrainEstimate training = TrainEstimate.Measure(train, new TrainingImages(pixels, labels, null, soft, measured, model.ImageSize, model.ImageSize), data.ClassNames, model, train.Repeats, default, quiet);
            double more = (double)recipe.TotalUpdates(images) / recipe.TotalUpdates(measured);
            plan.Add(Plan(training with { SecondsPerUnit = more * training.SecondsPerUnit }, ["--distilled", In("set"), "-o", In("students")], In("students"), train.Repeats));
        }
    }

    /// <summary>The plan for people and programs.</summary>
    public JsonObject ToJson() => new()
    {
        ["estimated_seconds_one_process"] = Math.Round(Stages.Sum(stage => stage.StartSeconds + (stage.Units * stage.SecondsPerUnit)), 1),
        ["disk_megabytes"] = Math.Round(Stages.Sum(stage => stage.DiskBytes) / 1e6, 1),
        ["stages"] = new JsonArray([.. Stages.Select(stage => (JsonNode)new JsonObject
        {
            ["stage"] = stage.Stage,
            ["units"] = string.Create(CultureInfo.InvariantCulture, $"{stage.Units} {stage.Unit}"),
            ["seconds_per_unit"] = Math.Round(stage.SecondsPerUnit, 6),
            ["start_seconds"] = Math.Round(stage.StartSeconds, 1),
            ["shares"] = stage.Shares,
            ["seconds_per_share"] = Math.Round(stage.SecondsPerShare, 1),
            ["disk_megabytes"] = Math.Round(stage.DiskBytes / 1e6, 1),
            ["bytes_per_unit"] = stage.DiskBytes / Math.Max(1, stage.Units),
            ["memory_megabytes"] = Math.Round(stage.MemoryBytes / 1e6, 1),
            ["output"] = stage.Output,
        })]),
    };

    /// <summary>In how many shares a stage is done.</summary>
    /// <param name="estimate">Its work.</param>
    /// <param name="options">Length and most number of shares.</param>
    /// <param name="most">Pieces that it can be cut into.</param>
    internal static int SharesOf(StageEstimate estimate, ScalePlanOptions options, long most)
    {
        double work = estimate.Units * estimate.SecondsPerUnit;
        double length = options.ShareMinutes is { } minutes ? 60 * minutes
            : Math.Clamp(work / (SharesPerWorker * Math.Max(1, options.AtOnce)), Math.Clamp(StartsPerShare * estimate.StartSeconds, LeastSeconds, MostSeconds), MostSeconds);
        long wanted = (long)Math.Clamp(Math.Ceiling((work / length) - RoundOff), 1, Math.Min(most, options.MostShares));

        // Where a share has but a few pieces, the one with one more ends last, and as many shares as leave all equal end no later.
        long pieces = ((most - 1) / wanted) + 1;
        return (int)(most == long.MaxValue ? wanted : ((most - 1) / pieces) + 1);
    }
}
