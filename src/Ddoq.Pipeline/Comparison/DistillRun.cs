using System.Globalization;
using System.Text.Json.Nodes;
using Ddoq.Evaluation.Comparison;
using Ddoq.Imaging;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Results;
using Ddoq.Pipeline.Stages;
using Ddoq.Storage;

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
    private readonly TrainOptions _train;

    /// <summary>Prepares a run.</summary>
    /// <param name="configuration">Settings.</param>
    /// <param name="output">Folder of all results.</param>
    /// <exception cref="UsageException">The settings contradict each other.</exception>
    public DistillRun(PipelineConfiguration configuration, string output)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        _configuration = Shorten(configuration);
        _layout = new OutputLayout(output);
        _encode = EncodeOptions.From(_configuration);
        _quantize = QuantizeOptions.From(_configuration);
        _synthesize = SynthesizeOptions.From(_configuration);
        // An arm decides whether the stored weights count, so --weights only decides what is stored.
        _train = TrainOptions.From(_configuration) with { Weights = null };
        _arms = Arm.Parse(_configuration.Get(TrainSettings.Arms), _synthesize.Weights);
    }

    /// <summary>Runs what is not complete yet.</summary>
    /// <returns>The comparison.</returns>
    /// <exception cref="DdoqException">A stage failed; what is finished stays.</exception>
    /// <exception cref="DeviceUnavailableException">A device was asked for that cannot be used; nothing was read or written.</exception>
    public DistillResult Execute(StageContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        // Encoding may take hours: a device that is not there must show before.
        QuantizerFactory.Require(_quantize.Device);
        LabelOptions label = LabelOptions.From(_configuration);
        bool hasTeacher = label.FindTeacher() is not null;
        EncodeStage.Run(_encode, _layout.Latents, context);
        // D4M's distances stand in the report's first table whether or not its students are trained.
        foreach (PrototypeRecipe prototypes in Sets().Select(set => set.Prototypes).OfType<PrototypeRecipe>().Append(PrototypeRecipe.D4m).Distinct())
            QuantizeStage.Run(prototypes.Adapt(_quantize), _layout.Latents, _layout.Prototypes(prototypes), context);
        foreach (SetRecipe set in Sets())
        {
            Make(set, context);
            if (hasTeacher || _train.NeedsStoredLabels)
                LabelStage.Run(label, _layout.Distilled(set), context);
        }

        PrototypeComparison distances = EvaluateStage.Measure(
            _layout.Latents,
            [
                ("ddoq", _layout.PrototypeFile(PrototypeRecipe.Ddoq), true),
                ("unweighted", _layout.PrototypeFile(PrototypeRecipe.Ddoq), false),
                ("d4m + weights", _layout.PrototypeFile(PrototypeRecipe.D4m), true),
                ("d4m", _layout.PrototypeFile(PrototypeRecipe.D4m), false),
            ],
            context);
        IReadOnlyList<StudentResult> students;
        using (new WallClock(_layout.TrainingClock))
        {
            students = TrainStage.Run(
                _train,
                [.. _arms.Select(arm => new StudentSet(arm, _ => _layout.Distilled(arm.Set), repeat => _layout.Student(arm.Name, repeat)))],
                context);
        }

        var comparison = new DistillComparison(
            [.. _arms.Select(arm => new ArmDescription(arm.Name, arm.Description))], students, distances.Measurements);
        ResultFiles.Write(_layout.Comparison, comparison);
        // Only now are all results of these settings: a run that is refused half way leaves the file of the run before.
        AtomicFile.WriteAllText(_layout.Configuration, _configuration.ToToml());
        ReportStage.Run(_layout, context);
        return new DistillResult(comparison, _layout);
    }

    /// <summary>What <see cref="Execute"/> would do, and how much of it: reads the data's index, and measures one batch of the model.</summary>
    /// <param name="context">Workers.</param>
    /// <exception cref="DdoqException">Data or model are not usable, or do not fit each other, or the device cannot be used.</exception>
    public JsonObject Plan(StageContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        QuantizerFactory.Require(_quantize.Device);
        ModelFolder model = _encode.OpenModel(ModelUse.All);
        using IImageDataset data = _encode.Images.OpenTraining(context.Cancellation);
        int ipc = _quantize.Quantizer.CentroidCount;
        long perSet = (long)ipc * data.ClassNames.Count;
        int generated = Sets().Count(set => set.IsGenerated);
        long latentBytes = (long)data.Count * model.LatentShape.Length * 2;
        return new JsonObject
        {
            ["output"] = _layout.Root,
            ["data"] = data.Location,
            ["model"] = model.Path,
            ["classes"] = data.ClassNames.Count,
            ["training_images"] = data.Count,
            ["latent_shape"] = model.LatentShape.ToString(),
            ["latent_megabytes"] = Math.Round(latentBytes / 1e6, 1),
            ["images_per_class"] = ipc,
            ["images_per_set"] = perSet,
            ["sets"] = new JsonArray([.. Sets().Select(set => (JsonNode)set.Name)]),
            ["synthesis"] = new JsonArray(SynthesisEstimate.Measure(_synthesize, data.ClassNames, checked((int)(perSet * generated)), context).ToJson()),
            ["arms"] = new JsonArray([.. _arms.Select(arm => (JsonNode)arm.Name)]),
            ["students"] = _arms.Count * _train.Repeats,
            ["protocol"] = _train.RecipeFor(ipc, model.ImageSize, data.ClassNames.Count).Describe(ipc, model.ImageSize, data.ClassNames.Count),
            ["configuration"] = string.Join("; ", _configuration.Effective().Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} = {pair.Value}"))),
        };
    }

    // The demo's own shortening, which fits a run on the sample into minutes; results, tables and report name it.
    private static PipelineConfiguration Shorten(PipelineConfiguration configuration)
    {
        Setting[] own = [TrainSettings.Protocol, TrainSettings.Updates, TrainSettings.Epochs, TrainSettings.BatchSize];
        return own.Any(configuration.IsGiven) ? configuration : configuration.With(TrainSettings.Updates, "600").With(TrainSettings.BatchSize, "10");
    }

    private void Make(SetRecipe set, StageContext context)
    {
        string folder = _layout.Distilled(set);
        SynthesizeOptions options = _synthesize with { Weights = set.Weights ?? _synthesize.Weights };
        switch (set.Source)
        {
            case ImageSource.RealImages or ImageSource.RealImagesDecoded:
                RandomImagesStage.Run(_encode, _quantize.Quantizer.CentroidCount, set.Source == ImageSource.RealImagesDecoded, folder, context);
                return;
            case ImageSource.Decoded:
                options = options with { Sampling = options.Sampling with { Start = StartLevel.NoDiffusion } };
                break;
            case ImageSource.Noise:
                options = options with { Sampling = options.Sampling with { Start = StartLevel.PureNoise } };
                break;
        }

        SynthesizeStage.Run(options, _layout.PrototypeFile(set.Prototypes!), folder, context);
    }

    // The distilled set itself is always made, whichever arms are compared.
    private IEnumerable<SetRecipe> Sets() => _arms.Select(arm => arm.Set).Prepend(SetRecipe.Ddoq).Distinct();
}
