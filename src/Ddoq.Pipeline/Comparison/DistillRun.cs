using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Comparison;
using Ddoq.Evaluation.Tables;
using Ddoq.Imaging;
using Ddoq.Onnx.Models;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Estimates;
using Ddoq.Pipeline.Results;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using Ddoq.Storage;
using Ddoq.Training;
using Ddoq.Training.Protocols;

namespace Ddoq.Pipeline;

/// <summary>The whole way: encode, quantize, synthesize, label, train, evaluate and report, for every arm of the comparison.</summary>
/// <remarks>Every stage resumes; running the same command again goes on where an interrupted run stopped.</remarks>
public sealed class DistillRun
{
    private readonly PipelineConfiguration _configuration;
    private readonly OutputLayout _layout;
    private readonly IReadOnlyList<Arm> _arms;
    private readonly EncodeOptions _encode;
    private readonly QuantizeOptions _quantize;
    private readonly SynthesizeOptions _synthesize;
    private readonly SetMaker _maker;
    private readonly TrainOptions _train;
    private readonly IReadOnlyList<(TrainOptions Options, IReadOnlyList<Arm> Arms)> _tables;

    /// <summary>Prepares a run.</summary>
    /// <param name="configuration">Settings.</param>
    /// <param name="output">Folder of all results.</param>
    /// <exception cref="UsageException">The settings contradict each other.</exception>
    public DistillRun(PipelineConfiguration configuration, string output)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        _configuration = ComparisonProtocols.Main(configuration);
        // A soft table uses what has no effect on hard labels.
        if (!configuration.IsGiven(ComparisonSettings.SoftArms))
            _configuration.Check(PipelineStages.Train);
        _layout = new OutputLayout(output);
        _encode = EncodeOptions.From(_configuration);
        _quantize = QuantizeOptions.From(_configuration);
        _synthesize = SynthesizeOptions.From(_configuration);
        _maker = new SetMaker(_configuration, _layout);
        _train = Training(_configuration);
        _arms = Arm.Parse(_configuration.Get(ComparisonSettings.Arms), OwnRule);
        _tables = [.. Tables(configuration)];
    }

    /// <summary>Names of the stages, in their order, as <see cref="StageContext.ForcedStages"/> takes them.</summary>
    public static IReadOnlyList<string> StageNames { get; } = ["encode", "quantize", "synthesize", "select", "random-images", "mosaics", "label", "image-latents", "train"];

    /// <summary>Reads a list of stages.</summary>
    /// <param name="text">Names with commas between; null for none.</param>
    /// <exception cref="UsageException">A name is no stage.</exception>
    public static IReadOnlyCollection<string> ParseStages(string? text)
    {
        string[] names = text?.Split(',', StringSplitOptions.TrimEntries) ?? [];
        return names.FirstOrDefault(name => !StageNames.Contains(name)) is not { } unknown
            ? names
            : throw new UsageException($"--force-stage: '{unknown}' is no stage", $"Allowed: {string.Join(", ", StageNames)}, with commas between.");
    }

    /// <summary>Runs what is not complete yet.</summary>
    /// <returns>The comparison.</returns>
    /// <exception cref="DdoqException">A stage failed; what is finished stays.</exception>
    /// <exception cref="DeviceUnavailableException">A device was asked for that cannot be used; nothing was read or written.</exception>
    public DistillResult Execute(StageContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        Check(context);
        EncodeStage.Run(_encode, _layout.Latents, context);
        for (int repeat = 0; repeat < _train.Repeats; repeat++)
            MakeSets(repeat, context);
        PrototypeComparison distances = EvaluateStage.Measure(_layout.Latents, MeasuredPrototypes(), context);
        PrototypeComparison images = MeasureImages(context);
        IReadOnlyList<StudentResult> students = Train(context);
        ArmDescription[] arms = [.. _arms.Select(arm => new ArmDescription(arm.Name, arm.Description, arm.IsReference))];
        var comparison = new DistillComparison(arms, students, ArmAccuracies.Score(arms, students), distances.Measurements, images.Measurements);
        ResultFiles.Write(_layout.Comparison, comparison);
        // Only now are all results of these settings: a run that is refused half way leaves the file of the run before.
        AtomicFile.WriteAllText(_layout.Configuration, _configuration.ToToml());
        if (Sets().FirstOrDefault(set => set.Source == ImageSource.Candidates) is { } selected)
            CandidateSheetStage.Run(SelectOptions.From(_configuration) with { MinConfidence = 0 }, selected.Name, _layout.Candidates(selected.Prototypes!), _layout.Latents, _layout.CandidateSheet, context);
        ReportStage.Run(_layout, context);
        return new DistillResult(comparison, _layout);
    }

    /// <summary>What <see cref="Execute"/> would do, and how much of it, by measured batches of every stage. Writes nothing.</summary>
    /// <param name="context">Workers.</param>
    /// <exception cref="DdoqException">Data or model are not usable, or do not fit each other, or the device cannot be used.</exception>
    public JsonObject Plan(StageContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        Check(context);
        using IImageDataset data = _encode.Images.OpenTraining(context.Cancellation);
        ModelFolder model = _encode.OpenModel();
        int ipc = _quantize.Quantizer.CentroidCount;
        var estimate = new DistillEstimate(_configuration, data, context);
        estimate.Measure(
            [.. Prototypes()],
            [.. Sets()],
            _arms.Where(arm => !arm.IsReference).Select(arm => arm.Set).Distinct().Count(),
            IsLabelled,
            _tables.Select(table => (table.Options, table.Arms.Count * table.Options.Repeats)),
            _train.Repeats);
        return new JsonObject
        {
            ["output"] = _layout.Root,
            ["data"] = data.Location,
            ["model"] = model.Path,
            ["classes"] = data.ClassNames.Count,
            ["training_images"] = data.Count,
            ["latent_shape"] = model.LatentShape.ToString(),
            ["images_per_class"] = ipc,
            ["images_per_set"] = (long)ipc * data.ClassNames.Count,
            ["sets"] = new JsonArray([.. Sets().Select(set => (JsonNode)set.Name)]),
            ["sets_per_arm"] = _train.Repeats,
            ["arms"] = new JsonArray([.. _arms.Select(arm => (JsonNode)arm.Name)]),
            ["students"] = _tables.Sum(table => table.Arms.Count * table.Options.Repeats),
            ["protocol"] = _train.RecipeFor(ipc, model.ImageSize, data.ClassNames.Count).Describe(ipc, model.ImageSize, data.ClassNames.Count),
            ["configuration"] = string.Join("; ", _configuration.Effective().Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} = {pair.Value}"))),
            ["synthesis"] = new JsonArray(estimate.Synthesis!.ToJson()),
            ["stages"] = estimate.ToJson(),
            ["estimated_seconds"] = Math.Round(estimate.Seconds, 1),
            ["disk_megabytes"] = Math.Round(estimate.DiskBytes / 1e6, 1),
            ["disk_free_megabytes"] = DiskSpace.FreeOn(_layout.Root) is { } free ? Math.Round(free / 1e6, 1) : null,
            ["memory_megabytes"] = Math.Round(estimate.MemoryBytes / 1e6, 1),
        };
    }

    private void Check(StageContext context)
    {
        // Without diffusion all other arms can be decoded as they are.
        if (_synthesize.Sampling.Start is { IsNoDiffusion: true } && _synthesize.OpenModel() is { HasDiffusion: false } model
            && _arms.FirstOrDefault(NeedsDiffusion) is { } other)
        {
            throw new UsageException(
                $"the arm '{other.Name}' draws images from noise, and the model {model.Path} has no diffusion network",
                $"Leave it out: --arms {string.Join(',', _arms.Where(arm => !NeedsDiffusion(arm)).Select(arm => arm.Name))}");
        }

        DistillChecks.Run(
            _configuration,
            _tables.Select(table => table.Options),
            _train.Repeats * Sets().Count(),
            needsTeacher: Sets().Any(set => set.Source == ImageSource.Mosaics || (set.Source == ImageSource.Candidates && _configuration.Get(SelectSettings.MinConfidence) > 0)),
            _layout,
            context);
    }

    private static bool NeedsDiffusion(Arm arm) => arm.Set.Source is ImageSource.Noise or ImageSource.Candidates;

    private WeightRule OwnRule => _synthesize.WeightsFor(_quantize.Quantizer.Algorithm);

    private bool IsLabelled => LabelOptions.From(_configuration).FindTeacher() is not null || _tables.Any(table => table.Options.NeedsStoredLabels);

    private void MakeSets(int repeat, StageContext context)
    {
        LabelOptions label = LabelOptions.From(_configuration);
        bool isLabelled = IsLabelled;
        foreach (PrototypeRecipe prototypes in Prototypes())
            _maker.Quantize(prototypes, repeat, context);
        foreach (SetRecipe set in Sets())
        {
            _maker.Make(set, repeat, context);

            // Four crops in an image are not what a teacher knows as a class.
            if (isLabelled)
                LabelStage.Run(set.Source == ImageSource.Mosaics ? label with { StopsAtClassCheck = false } : label, _layout.Distilled(set, repeat), context);
        }
    }

    private List<StudentResult> Train(StageContext context)
    {
        // The clock lies beside the students' folders, which alone are cleaned when they are opened; the report sees to the root.
        AtomicFile.CleanPartials(Path.GetDirectoryName(_layout.TrainingClock)!);
        using var clock = new WallClock(_layout.TrainingClock);
        var students = new List<StudentResult>();
        foreach ((TrainOptions options, IReadOnlyList<Arm> arms) in _tables)
        {
            students.AddRange(TrainStage.Run(
                options,
                [.. arms.Select(arm => new StudentSet(
                    arm,
                    repeat => _layout.Distilled(arm.Set, repeat),
                    repeat => _layout.Student(options.Student.Protocol.ToName(), arm.Name, repeat)))],
                context));
        }

        return students;
    }

    // The latents of the finished images, as far as a set has images of its own.
    private PrototypeComparison MeasureImages(StageContext context)
    {
        Arm[] arms = [.. _arms.Where(arm => !arm.IsReference)];
        foreach (SetRecipe set in arms.Select(arm => arm.Set).Distinct())
            ImageLatentsStage.Run(_encode, _layout.Distilled(set), _layout.ImageLatents(set), context);
        return EvaluateStage.MeasureImages(
            _layout.Latents,
            [.. arms.Select(arm => new MeasuredImages(arm.Name, _layout.Distilled(arm.Set), _layout.ImageLatents(arm.Set), arm.Weights))],
            context);
    }

    private List<(string Name, string File, bool IsWeighted)> MeasuredPrototypes()
    {
        var measured = new List<(string, string, bool)>();
        foreach (PrototypeRecipe prototypes in Prototypes())
        {
            foreach ((string name, bool isWeighted) in prototypes.Measured)
                measured.Add((name, _layout.PrototypeFile(prototypes), isWeighted));
        }

        return measured;
    }

    // A set's weights are what it stores, so --weights only decides what is stored.
    private static TrainOptions Training(PipelineConfiguration configuration) => TrainOptions.From(configuration) with { Weights = null };

    private IEnumerable<(TrainOptions Options, IReadOnlyList<Arm> Arms)> Tables(PipelineConfiguration given)
    {
        yield return (_train, [.. _arms.Where(arm => !arm.IsReference)]);
        if (_arms.FirstOrDefault(arm => arm.IsReference) is { } full)
        {
            StudentOptions student = ComparisonProtocols.Full(_train.Student, _configuration.Get(ComparisonSettings.FullUpdates));
            yield return (_train with { Student = student, Repeats = 1 }, [full]);
        }

        if (!given.TryGet(ComparisonSettings.SoftArms, out string? list))
            yield break;
        IReadOnlyList<Arm> soft = Arm.Parse(list, OwnRule);
        if (soft.FirstOrDefault(arm => arm.IsReference || !_arms.Contains(arm)) is { } other)
            throw new UsageException($"--soft-arms: '{other.Name}' is no arm of --arms that has a distilled set", $"Allowed: {string.Join(", ", _arms.Where(arm => !arm.IsReference).Select(arm => arm.Name))}.");
        yield return (Training(ComparisonProtocols.Soft(given)), soft);
    }

    // The distilled set itself is always made, whichever arms are compared.
    private IEnumerable<SetRecipe> Sets() => _arms.Where(arm => !arm.IsReference).Select(arm => arm.Set).Prepend(SetRecipe.Ddoq).Distinct();

    // D4M's distances stand in the report's first table whether or not its students are trained.
    private IEnumerable<PrototypeRecipe> Prototypes() =>
        Sets().Select(set => set.Prototypes).OfType<PrototypeRecipe>().Append(PrototypeRecipe.D4m).Distinct();
}

/// <summary>The tables of a finished run.</summary>
/// <param name="Comparison">The numbers.</param>
/// <param name="Layout">Where everything lies.</param>
public sealed record DistillResult(DistillComparison Comparison, OutputLayout Layout)
{
    internal const string Baseline = "d4m";

    /// <summary>Accuracy per arm, a table per protocol: mean and standard error over the sets, and the paired difference to D4M.</summary>
    public IReadOnlyList<ComparisonTable> AccuracyTables()
    {
        AccuracyComparison accuracy = ArmAccuracies.Of(Comparison.Arms, Comparison.Students);
        return [.. accuracy.Groups().Select(group => accuracy.ToTable(group, Baseline))];
    }

    /// <summary>W2 of prototypes to latents per class, like the paper's Table 1.</summary>
    public ComparisonTable DistanceTable() =>
        PrototypeComparison.FromMeasurements(Comparison.Distances).ToTable(PrototypeMetric.Wasserstein, Baseline);

    /// <summary>All tables for a terminal.</summary>
    public string ToText()
    {
        var text = new StringBuilder(DistanceTable().ToText());
        foreach (ComparisonTable table in AccuracyTables())
            text.Append('\n').Append(table.ToText());
        if (Comparison.Scores.Count > 0)
            text.Append('\n').Append(DatasetScores.ToTable([.. Comparison.Scores.Select(arm => (arm.Arm, arm.Scores))]).ToText());
        foreach (ArmDescription arm in Comparison.Arms)
            text.Append('\n').Append(arm.Name.PadRight(Comparison.Arms.Max(other => other.Name.Length) + 2)).Append(arm.Description);
        return text.Append($"\n\ndistilled set  {Layout.Distilled(SetRecipe.Ddoq)}\nreport         {Layout.Report}").ToString();
    }

    /// <summary>Everything as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(Comparison, ResultFiles.Options);
}
