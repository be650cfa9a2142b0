using System.Globalization;
using System.Text;
using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using Ddoq.Selection;
using Ddoq.Storage;

namespace Ddoq.Pipeline;

/// <summary>Which image of a distilled set comes from what, in the order of the metadata: class by class, prototype by prototype.</summary>
internal sealed class DistilledPlan
{
    private const string WeightsKey = "weights", SourceKey = "weights_from";

    private readonly DistilledSet _set;

    private DistilledPlan(DistilledSet set) => _set = set;

    public int Count => _set.Images.Count;

    /// <summary>Images that stand for themselves, all of weight 1.</summary>
    public static DistilledPlan Uniform(IReadOnlyList<string> classNames, int[] imagesPerClass, ulong seed) => FromImages(
        classNames, [.. imagesPerClass.Select(count => Enumerable.Range(0, count).Select(k => new PlannedImage(0, null, k, (long)seed)).ToArray())], WeightRule.None);

    /// <summary>Images of which everything but the weight is known; a rule weighs them by their masses, or by their counts without sample weights.</summary>
    /// <param name="classNames">Class names in label order.</param>
    /// <param name="classes">The images of each class.</param>
    /// <param name="rule">Weight rule.</param>
    public static DistilledPlan FromImages(IReadOnlyList<string> classNames, IReadOnlyList<PlannedImage[]> classes, WeightRule rule)
    {
        var folders = new ClassFolders(classNames);
        int most = classes.Max(images => images.Length);
        var list = new List<DistilledImage>();
        for (int c = 0; c < classNames.Count; c++)
        {
            PlannedImage[] images = classes[c];
            var weights = new float[images.Length];
            if (images.Any(image => image.ClusterMass is not null))
                PrototypeWeights.Compute(rule, images.Select(image => image.ClusterMass ?? 0).ToArray(), weights);
            else
                PrototypeWeights.Compute(rule, images.Select(image => image.ClusterSize).ToArray(), weights);
            list.AddRange(images.Select((image, k) => new DistilledImage(
                folders.FileName(c, k, most), c, classNames[c], weights[k], image.ClusterSize, image.Prototype, image.Seed, image.ClusterMass, image.Source, image.SourceRow, image.Candidate)));
        }

        return new DistilledPlan(new DistilledSet(classNames, list));
    }

    /// <summary>The images of a class with the cells of other points.</summary>
    public PlannedImage[] WithMasses(int label, PointMasses cells) =>
    [
        .. _set.Images.Where(image => image.Label == label)
            .Select((image, k) => new PlannedImage(cells.Counts[k], cells.Masses?[k], image.Prototype, image.Seed, image.Source, image.SourceRow) { Candidate = image.Candidate }),
    ];

    /// <summary>The place of an image in the order of the source; null for a made one.</summary>
    public long? SourceRow(int index) => _set.Images[index].SourceRow;

    /// <summary>An image's name in the metadata.</summary>
    public string FileName(int index) => _set.Images[index].FileName;

    /// <summary>Label and prototype of an image.</summary>
    public (int Label, int Prototype) Row(int index) => (_set.Images[index].Label, _set.Images[index].Prototype);

    /// <summary>Whether all images of a batch are on disk, each to its last byte.</summary>
    public bool HasImages(string folder, int first, int count) =>
        Enumerable.Range(first, Math.Min(count, Count - first)).All(i => ImageWriter.IsWholePng(PathOf(folder, i)));

    /// <summary>An image as a PNG file, grey where its source is.</summary>
    public static byte[] EncodePng(ReadOnlySpan<byte> planar, int channels, int side)
    {
        if (channels == 3)
            return ImageWriter.EncodePng(planar, 3, side, side);
        var grey = new byte[side * side];
        PlanarRgb.ToGrey(planar, grey);
        return ImageWriter.EncodePng(grey, 1, side, side);
    }

    /// <summary>Writes one image as PNG, without waiting for the disk: <see cref="HasImages"/> notices what a power failure cut short.</summary>
    public void WriteImage(string folder, int index, ReadOnlySpan<byte> planar, int channels, int side)
    {
        byte[] png = EncodePng(planar, channels, side);
        string path = PathOf(folder, index);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFile.Write(path, stream => stream.Write(png), flushToDisk: false);
    }

    /// <summary>Writes metadata, summary, provenance and card beside the images, and completes the stage.</summary>
    /// <param name="stage">The stage that made the images.</param>
    /// <param name="weights">The rule of the weights.</param>
    /// <param name="origin">One sentence for the card: where the images come from.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="device">What computed them.</param>
    /// <param name="distortion">Each class's distortion; null when the images do not stand for cells.</param>
    /// <param name="source">At what points the cells were counted.</param>
    public void Complete(
        StageFolder stage, WeightRule weights, string origin, ulong seed, string device, Func<int, double>? distortion, WeightSource source = WeightSource.Centres)
    {
        _set.SaveMetadata(stage.Path);
        IReadOnlyList<DistilledSummary> summary = DistilledSummary.Of(_set, distortion);
        DistilledSummary.Save(stage.Path, summary);
        StageRecord record = StageFolder.Read(stage.Path);
        var configuration = new SortedDictionary<string, string>(record.Settings, StringComparer.Ordinal) { [WeightsKey] = SynthesizeSettings.Weights.Show(weights) };
        if (source == WeightSource.Images)
            configuration[SourceKey] = SynthesizeSettings.WeightsFrom.Show(source);
        new DistilledProvenance(record.Version, seed, device, configuration, [], _set.ClassNames).Save(stage.Path);
        AtomicFile.WriteAllText(stage.PathOf(DistilledCard.FileName), DistilledCard.Write(_set, summary, origin));
        stage.Complete(
        [
            .. _set.Images.Select(image => $"{DistilledSet.TrainFolder}/{image.FileName}"),
            $"{DistilledSet.TrainFolder}/{DistilledSet.MetadataFileName}",
            DistilledSummary.FileName,
            DistilledProvenance.FileName,
            DistilledCard.FileName,
        ]);
    }

    /// <summary>The rule that a finished set's weights follow, as <c>ddoq.json</c> names it; null when it names none.</summary>
    public static string? WeightsOf(string folder)
    {
        IReadOnlyDictionary<string, string> configuration = DistilledProvenance.Load(folder).Configuration;
        return configuration.GetValueOrDefault(SourceKey) is { } source ? $"{configuration.GetValueOrDefault(WeightsKey)} from {source}" : configuration.GetValueOrDefault(WeightsKey);
    }

    /// <summary>The same of a rule that is asked for.</summary>
    public static string Describe(WeightRule rule, WeightSource source) =>
        SynthesizeSettings.Weights.Show(rule) + (source == WeightSource.Images ? $" from {SynthesizeSettings.WeightsFrom.Show(source)}" : string.Empty);

    private string PathOf(string folder, int index) => DistilledSet.PathOf(folder, _set.Images[index].FileName);
}

/// <summary>An image of a distilled set before it has a file and a weight.</summary>
/// <param name="ClusterSize">Rows of the data that it stands for; 0 when it stands for none.</param>
/// <param name="ClusterMass">Sum of their sample weights; null when they have none.</param>
/// <param name="Prototype">Number of its prototype within the class.</param>
/// <param name="Seed">Seed of its noise or choice.</param>
/// <param name="Source">Name of the source image that it is; null for a made one.</param>
/// <param name="SourceRow">Its place in the order of the source; null likewise.</param>
internal sealed record PlannedImage(long ClusterSize, double? ClusterMass, int Prototype, long Seed, string? Source = null, long? SourceRow = null)
{
    /// <summary>Which of its prototype's candidates it was; null where there was one image a prototype.</summary>
    public int? Candidate { get; init; }
}

/// <summary>What completes a distilled set once its images are there, without prototypes, models or sources at hand.</summary>
/// <param name="Stage">Name of the stage that makes the images.</param>
/// <param name="ClassNames">Class names in label order.</param>
/// <param name="Weights">The rule of the weights, in its word.</param>
/// <param name="Origin">One sentence for the card.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Device">What computed the images.</param>
/// <param name="Classes">The images of each class; null where the stage's files of classes say which.</param>
/// <param name="HasDistortion">Whether the images stand for cells, whose distortion is told.</param>
internal sealed record SetPlan(
    string Stage, IReadOnlyList<string> ClassNames, string Weights, string Origin, ulong Seed, string Device, SetPlanClass[]? Classes, bool HasDistortion)
{
    /// <summary>At what points the masses of the weights are wanted; those of the images need the model, which joining has not.</summary>
    public WeightSource WeightsFrom { get; init; }

    private WeightRule Rule => (WeightRule)SynthesizeSettings.Weights.Parse(Weights, SynthesizeSettings.Weights.Flag);

    /// <summary>One image per centre.</summary>
    /// <param name="set">Prototypes.</param>
    /// <param name="rule">Weight rule.</param>
    /// <param name="origin">For the card.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="device">What computes the images.</param>
    /// <param name="useCounts">False when the images do not come from the centres: then no image stands for a cell.</param>
    public static SetPlan FromPrototypes(PrototypeSet set, WeightRule rule, string origin, ulong seed, string device, bool useCounts)
    {
        var classes = new SetPlanClass[set.ClassNames.Count];
        for (int c = 0; c < classes.Length; c++)
        {
            long[] counts = useCounts ? set.Counts(c).ToArray() : new long[set.CenterCount(c)];
            classes[c] = new SetPlanClass(counts, useCounts && set.HasMasses ? set.Masses(c).ToArray() : null, useCounts ? set.Distortion(c) : 0);
        }

        return new SetPlan("synthesize", set.ClassNames, SynthesizeSettings.Weights.Show(rule), origin, seed, device, classes, useCounts);
    }

    /// <summary>The images in the order of the metadata.</summary>
    /// <param name="choices">What was chosen for each class, where <see cref="Classes"/> does not say.</param>
    public DistilledPlan ToPlan(IReadOnlyList<ClassChoice>? choices) => DistilledPlan.FromImages(
        ClassNames,
        [.. Enumerable.Range(0, ClassNames.Count).Select(c => choices is null ? Classes![c].ToImages((long)Seed) : choices[c].Images)],
        Rule);

    /// <summary>Writes metadata, summary, provenance and card beside the images of all shares, and completes the stage.</summary>
    /// <exception cref="DdoqException">A class is not chosen yet, or images are missing.</exception>
    public void Join(StageFolder stage)
    {
        ClassChoice[]? choices = Classes is null ? ClassChoice.ReadAll(stage, ClassNames, Stage) : null;
        DistilledPlan plan = ToPlan(choices);
        string[] missing = [.. Enumerable.Range(0, plan.Count).Where(i => !plan.HasImages(stage.Path, i, 1)).Select(plan.FileName)];
        if (missing.Length > 0)
            throw MissingUnits.Of("image", missing, missing.Length, plan.Count, stage.Path, Stage);
        double DistortionOf(int c) => choices is null ? Classes![c].Distortion : choices[c].Distortion;
        plan.Complete(stage, Rule, Origin, Seed, Device, HasDistortion ? DistortionOf : null);
        new ShareFolder(stage.Path).Remove();
    }
}

/// <summary>The images of one class, one for each prototype.</summary>
/// <param name="Counts">Rows that each stands for; 0 for none.</param>
/// <param name="Masses">Sum of their weights; null when they have none.</param>
/// <param name="Distortion">Of the class.</param>
internal sealed record SetPlanClass(long[] Counts, double[]? Masses, double Distortion)
{
    public PlannedImage[] ToImages(long seed) => [.. Counts.Select((count, k) => new PlannedImage(count, Masses?[k], k, seed))];
}

/// <summary>The <c>README.md</c> of a distilled set, with the header that Hugging Face reads.</summary>
internal static class DistilledCard
{
    public const string FileName = "README.md";

    private const int MaximumClasses = 100;

    public static string Write(DistilledSet set, IReadOnlyList<DistilledSummary> summary, string origin)
    {
        var folders = new ClassFolders(set.ClassNames, set.ImageCounts());
        var text = new StringBuilder();
        text.Append("---\ntask_categories: [image-classification]\ntags: [dataset-distillation]\n---\n\n# Distilled image set\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{set.Images.Count} images of {set.ClassNames.Count} classes. Origin: {origin}.\n\n");
        text.Append("- `train/<class>/<k>.png`: the images; `train/metadata.jsonl`: label, class name, weight and cluster size of each.\n");
        text.Append("- Multiply each image's training loss by its `weight`.\n");
        text.Append("- `soft_labels.safetensors`, where present: teacher logits in the order of the metadata.\n");
        text.Append("- `summary.csv`: figures per class; `ddoq.json`: what made the set.\n");
        if (folders.Warning is not null)
            text.Append("- Note: ").Append(folders.Warning).Append(".\n");
        text.Append("\n| class | images | rows they stand for | weights | effective images |\n|---|---|---|---|---|\n");
        foreach (DistilledSummary row in summary.Take(MaximumClasses))
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {row.ClassName.Replace("|", "\\|", StringComparison.Ordinal)} | {row.Images} | {row.Rows} | {row.Weights.Minimum:F3} to {row.Weights.Maximum:F3} | {row.Weights.EffectiveSampleSize:F2} |\n");
        }

        if (summary.Count > MaximumClasses)
            text.Append(CultureInfo.InvariantCulture, $"\n{summary.Count - MaximumClasses} more classes are in `summary.csv`.\n");
        return text.ToString();
    }
}
