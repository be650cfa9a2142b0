using System.Globalization;
using System.Text.Json.Nodes;
using Ddoq.Evaluation.Comparison;
using Ddoq.Imaging;
using Ddoq.Onnx.Models;
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

    /// <summary>Prepares a run.</summary>
    /// <param name="configuration">Settings.</param>
    /// <param name="output">Folder of all results.</param>
    /// <exception cref="UsageException">The settings contradict each other.</exception>
    public DistillRun(PipelineConfiguration configuration, string output)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        _configuration = configuration;
        _layout = new OutputLayout(output);
        _arms = Arm.Parse(configuration.Get(Settings.Arms), SettingsMapping.Weights(configuration.Get(Settings.Weights)));
    }

    /// <summary>Runs what is not complete yet.</summary>
    /// <returns>The comparison.</returns>
    /// <exception cref="DdoqException">A stage failed; what is finished stays.</exception>
    /// <exception cref="DeviceUnavailableException">A device was asked for that cannot be used; nothing was read or written.</exception>
    public DistillResult Execute(StageContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        EncodeOptions encode = EncodeOptions.From(_configuration);
        SynthesizeOptions synthesize = SynthesizeOptions.From(_configuration);
        LabelOptions label = LabelOptions.From(_configuration);
        TrainOptions train = TrainOptions.From(_configuration);
        QuantizeOptions quantize = QuantizeOptions.From(_configuration);

        // Encoding may take hours: a device that is not there must show before.
        QuantizerFactory.Require(quantize.Device);
        EncodeStage.Run(encode, _layout.Latents, context);
        AtomicFile.WriteAllText(_layout.Configuration, _configuration.ToToml());
        QuantizeStage.Run(quantize, _layout.Latents, _layout.Prototypes(DistilledSetKind.Ddoq), context);

        // D4M's distances stand in the report's first table whether or not its students are trained.
        QuantizeStage.Run(quantize.AsD4m(), _layout.Latents, _layout.Prototypes(DistilledSetKind.D4m), context);
        foreach (DistilledSetKind kind in Kinds())
        {
            Synthesize(kind, encode, synthesize, context);
            LabelStage.Run(label, _layout.Distilled(kind), context);
        }

        PrototypeComparison distances = EvaluateStage.Measure(
            _layout.Latents,
            [
                ("ddoq", _layout.PrototypeFile(DistilledSetKind.Ddoq), true),
                ("unweighted", _layout.PrototypeFile(DistilledSetKind.Ddoq), false),
                ("d4m + weights", _layout.PrototypeFile(DistilledSetKind.D4m), true),
                ("d4m", _layout.PrototypeFile(DistilledSetKind.D4m), false),
            ],
            context);
        IReadOnlyList<StudentResult> students;
        using (new WallClock(_layout.TrainingClock))
        {
            students = TrainStage.Run(
                train,
                [.. _arms.Select(arm => new StudentSet(arm, _layout.Distilled(arm.Set), repeat => _layout.Student(arm.Name, repeat)))],
                context);
        }

        var comparison = new DistillComparison(
            [.. _arms.Select(arm => new ArmDescription(arm.Name, arm.Description))], students, distances.Measurements);
        ResultFiles.Write(_layout.Comparison, comparison);
        ReportStage.Run(_layout, context);
        return new DistillResult(comparison, _layout);
    }

    /// <summary>What <see cref="Execute"/> would do, and how much of it: reads the data's index, and measures one batch of the model.</summary>
    /// <param name="context">Workers.</param>
    /// <exception cref="DdoqException">Data or model are not usable, or do not fit each other, or the device cannot be used.</exception>
    public JsonObject Plan(StageContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        EncodeOptions encode = EncodeOptions.From(_configuration);
        SynthesizeOptions synthesize = SynthesizeOptions.From(_configuration);
        QuantizerFactory.Require(_configuration.Get(Settings.Device));
        ModelFolder model = ModelFolder.Open(encode.Model);
        using IImageDataset data = encode.OpenTrainingImages(context.Cancellation);
        int ipc = _configuration.Get(Settings.Ipc);
        long perSet = (long)ipc * data.ClassNames.Count;
        int generated = Kinds().Count(kind => kind is DistilledSetKind.Ddoq or DistilledSetKind.D4m or DistilledSetKind.Noise);
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
            ["sets"] = new JsonArray([.. Kinds().Select(kind => (JsonNode)kind.ToString())]),
            ["synthesis"] = new JsonArray(SynthesisEstimate.Measure(synthesize, data.ClassNames, checked((int)(perSet * generated)), context).ToJson()),
            ["arms"] = new JsonArray([.. _arms.Select(arm => (JsonNode)arm.Name)]),
            ["students"] = _arms.Count * _configuration.Get(Settings.Repeats),
            ["protocol"] = _configuration.Get(Settings.Protocol),
            ["configuration"] = string.Join("; ", _configuration.Effective().Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key} = {pair.Value}"))),
        };
    }

    private void Synthesize(DistilledSetKind kind, EncodeOptions encode, SynthesizeOptions synthesize, StageContext context)
    {
        string folder = _layout.Distilled(kind);
        switch (kind)
        {
            case DistilledSetKind.Random:
            case DistilledSetKind.RandomDecoded:
                RandomImagesStage.Run(encode, _configuration.Get(Settings.Ipc), kind == DistilledSetKind.RandomDecoded, folder, context);
                break;
            case DistilledSetKind.Decoded:
                SynthesizeStage.Run(synthesize with { StartAlphaBar = 1, Strength = null }, _layout.PrototypeFile(DistilledSetKind.Ddoq), folder, context);
                break;
            case DistilledSetKind.Noise:
                SynthesizeStage.Run(
                    synthesize with { FromNoise = true, WeightRule = Quantization.WeightRule.None }, _layout.PrototypeFile(DistilledSetKind.Ddoq), folder, context);
                break;
            case DistilledSetKind.D4m:
                SynthesizeStage.Run(synthesize with { WeightRule = Quantization.WeightRule.None }, _layout.PrototypeFile(kind), folder, context);
                break;
            default:
                SynthesizeStage.Run(synthesize, _layout.PrototypeFile(kind), folder, context);
                break;
        }
    }

    // The distilled set itself is always made, whichever arms are compared.
    private IEnumerable<DistilledSetKind> Kinds() =>
        _arms.Select(arm => arm.Set).Prepend(DistilledSetKind.Ddoq).Distinct();
}
