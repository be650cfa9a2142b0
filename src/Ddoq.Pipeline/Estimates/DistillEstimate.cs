using System.Text.Json.Nodes;
using Ddoq.Evaluation.Comparison;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Synthesis;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;
using Ddoq.Training;
using Ddoq.Training.Augmentation;

namespace Ddoq.Pipeline.Estimates;

/// <summary>A table of what every stage of a whole run will cost.</summary>
/// <remarks>
/// Each kind of work is measured once. What is not there before the run has something in its place: latents those of the images that
/// were encoded to measure encoding, distilled sets random pixels.
/// </remarks>
/// <param name="configuration">Settings of the run.</param>
/// <param name="data">Training images.</param>
/// <param name="context">Workers, cancellation.</param>
internal sealed class DistillEstimate(PipelineConfiguration configuration, IImageDataset data, StageContext context)
{
    private readonly List<(StageEstimate Stage, string What, int Times)> _lines = [];
    private readonly EncodeOptions _encode = EncodeOptions.From(configuration);
    private readonly QuantizeOptions _quantize = QuantizeOptions.From(configuration);
    private readonly SynthesizeOptions _synthesize = SynthesizeOptions.From(configuration);
    private readonly StageContext _context = context with { Progress = NullProgress.Instance };

    /// <summary>Wall-clock time of the whole run.</summary>
    public double Seconds => _lines.Sum(line => line.Times * line.Stage.Seconds);

    /// <summary>The synthesis of all sets together: what most of a run with large models is.</summary>
    public SynthesisEstimate? Synthesis { get; private set; }

    /// <summary>The table.</summary>
    public JsonArray ToJson() => [.. _lines.Select(line => (JsonNode)line.Stage.ToRow(line.What, line.Times))];

    /// <summary>Bytes of all results.</summary>
    public long DiskBytes => _lines.Sum(line => line.Times * line.Stage.DiskBytes);

    /// <summary>Most memory of any stage.</summary>
    public long MemoryBytes => _lines.Max(line => line.Stage.MemoryBytes);

    /// <summary>Measures everything.</summary>
    /// <param name="prototypes">The prototypes that are made.</param>
    /// <param name="sets">The sets that are made.</param>
    /// <param name="measuredSets">Sets whose images are encoded again.</param>
    /// <param name="isLabelled">Whether a teacher labels them.</param>
    /// <param name="tables">Protocols, and the students of each.</param>
    /// <param name="repeats">How often prototypes and sets are made.</param>
    public void Measure(
        IReadOnlyList<PrototypeRecipe> prototypes,
        IReadOnlyList<SetRecipe> sets,
        int measuredSets,
        bool isLabelled,
        IEnumerable<(TrainOptions Options, int Students)> tables,
        int repeats)
    {
        (StageEstimate encode, StandInRows rows) = EncodeEstimate.Measure(_encode, data, _context);
        Add(encode, "training images", 1);
        int[] classes = [.. Enumerable.Range(0, data.ClassNames.Count)];
        foreach (PrototypeRecipe recipe in prototypes)
            Add(QuantizeEstimate.Measure(recipe.Adapt(_quantize), rows, classes, default, _context), recipe.Name, repeats);
        int images = classes.Sum(c => Math.Min(_quantize.Quantizer.CentroidCount, rows.RowCount(c)));
        ModelFolder model = _encode.OpenModel();
        ImageFit fit = _encode.Images.FitFor(model);
        SynthesisEstimate? one = sets.Any(set => set.IsGenerated || set.Source is ImageSource.Decoded or ImageSource.RealImagesDecoded)
            ? SynthesisEstimate.Measure(_synthesize, data.ClassNames, images, _context) : null;
        foreach (SetRecipe set in sets)
            AddSet(set, images, one, encode, rows, fit, repeats);
        Synthesis = one?.Of(images * repeats * sets.Where(set => set.IsGenerated).Sum(set => set.Source == ImageSource.Candidates ? SetMaker.CandidatesOf(_synthesize) : 1));
        AddStudents(images, model, sets.Count, isLabelled, tables, repeats);
        Add(Part(encode, "image-latents", images), "images of a set", measuredSets);
        Add(Distances(rows, prototypes.Sum(recipe => recipe.Measured.Count) + measuredSets), "exact W2", 1);
    }

    private void AddSet(SetRecipe set, int images, SynthesisEstimate? one, StageEstimate encode, StandInRows rows, ImageFit fit, int repeats)
    {
        switch (set.Source)
        {
            case ImageSource.RealImages:
                Add(Part(encode, "random-images", images) with { NetworkCalls = 0 }, set.Name, repeats);
                break;
            case ImageSource.RealImagesDecoded:
                Add(Part(encode, "random-images", images), set.Name, repeats);
                Add(one!.Of(images, calls: 0), set.Name, repeats);
                break;
            case ImageSource.Coreset:
                foreach (StageEstimate part in SelectEstimate.Measure(
                    new SelectOptions { Rule = set.Selection!, Quantize = _quantize, Images = _encode.Images, Prototypes = set.Prototypes?.Name }, rows, fit, _context))
                {
                    Add(part, set.Name, repeats);
                }

                break;
            case ImageSource.Candidates:
                Add(one!.Of(images * SetMaker.CandidatesOf(_synthesize), CallsFor(set)), $"candidates of {set.Name}", repeats);
                break;
            case ImageSource.Mosaics:
                Add(Mosaics(), set.Name, repeats);
                break;
            case ImageSource.Prototypes when !set.IsGenerated:
                Add(Part(encode, "weights", images), set.Name, repeats);
                break;
            default:
                Add(one!.Of(images, CallsFor(set)), set.Name, repeats);
                break;
        }
    }

    private void AddStudents(int images, ModelFolder model, int sets, bool isLabelled, IEnumerable<(TrainOptions Options, int Students)> tables, int repeats)
    {
        int length = 3 * model.ImageSize * model.ImageSize, classes = data.ClassNames.Count;
        var pixels = new byte[images * length];
        new Random(1).NextBytes(pixels);
        int[] labels = [.. Enumerable.Range(0, images).Select(i => i % classes)];
        if (isLabelled)
        {
            LabelOptions label = LabelOptions.From(configuration);
            Add(LabelEstimate.Measure(label.RequireTeacher(), label, data.ClassNames, pixels, images, images, default, _context), "each set", sets * repeats);
        }

        foreach ((TrainOptions options, int students) in tables)
        {
            var train = new TrainingImages(pixels, labels, null, options.NeedsStoredLabels ? new float[images * classes] : null, images, model.ImageSize, model.ImageSize);
            TrainEstimate estimate = TrainEstimate.Measure(options, train, data.ClassNames, model, students, default, _context);
            Add(estimate, estimate.Protocol, 1);
        }
    }

    // The start level decides how many of the sampler's steps are run.
    private int CallsFor(SetRecipe set)
    {
        ModelFolder model = _synthesize.OpenModel();
        SynthesizeOptions options = set.Source is ImageSource.Prototypes or ImageSource.Candidates ? _synthesize
            : _synthesize with { Sampling = _synthesize.Sampling with { Start = set.Source == ImageSource.Noise ? StartLevel.PureNoise : StartLevel.NoDiffusion } };
        if (!model.HasDiffusion)
            return 0;
        return DiffusionSynthesizer.CallsOf(model.Scheduler, options.SamplingFor(model, set.Prototypes?.Adapt(_quantize).Quantizer.Algorithm));
    }

    // The teacher looks at every crop of the pools; cutting them is little beside it.
    private StageEstimate Mosaics()
    {
        var options = new MosaicOptions { ImagesPerClass = 1 };
        int[] images = new int[data.ClassNames.Count];
        for (int i = 0; i < data.Count; i++)
            images[data.LabelOf(i)]++;
        int crops = options.CropsPerImage * images.Sum(count => Math.Min(count, options.PoolSize)), side = _encode.OpenModel().ImageSize;
        LabelOptions label = LabelOptions.From(configuration);
        var pixels = new byte[Math.Min(crops, 200) * 3 * side * side];
        return LabelEstimate.Measure(label.RequireTeacher(), label, data.ClassNames, pixels, Math.Min(crops, 200), crops, default, _context) with { Stage = "mosaics" };
    }

    private StageEstimate Distances(StandInRows rows, int arms)
    {
        int[] classes = [.. Enumerable.Range(0, rows.ClassNames.Count).Where(c => rows.RowCount(c) > 0)];
        var arm = new PrototypeArm("stand-in", c =>
        {
            var centres = new float[Math.Min(_quantize.Quantizer.CentroidCount, rows.RowCount(c)) * rows.Shape.Length];
            ((ILatentSource)rows).ReadRows(c, 0, centres);
            return new ArmPrototypes(centres);
        });
        UnitCost cost = SpreadClasses.Measure(rows, classes, _context.Workers, some =>
            _context.ForEach(some.Length, () => new MemoryStream(), (i, _) => PrototypeComparison.Measure(rows, [arm], classes: [some[i]], cancellationToken: _context.Cancellation)));
        return cost.For("evaluate", arms * classes.Sum(c => (long)rows.RowCount(c)), "rows");
    }

    // The same work on fewer images; loading the network is in the start.
    private static StageEstimate Part(StageEstimate encode, string stage, int images) => encode with
    {
        Stage = stage,
        Units = images,
        NetworkCalls = encode.NetworkCalls * images / encode.Units,
        StartSeconds = 0,
        ProcessorStartSeconds = 0,
        DiskBytes = encode.DiskBytes * images / encode.Units,
    };

    private void Add(StageEstimate stage, string what, int times) => _lines.Add((stage, what, times));
}
