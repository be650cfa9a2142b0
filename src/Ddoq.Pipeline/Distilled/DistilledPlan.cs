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
