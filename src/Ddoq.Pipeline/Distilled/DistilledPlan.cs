using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Pipeline;

/// <summary>Which image of a distilled set comes from what, in the order of the metadata: class by class, prototype by prototype.</summary>
internal sealed class DistilledPlan
{
    private const string WeightsKey = "weights";

    private readonly DistilledSet _set;

    private DistilledPlan(DistilledSet set) => _set = set;

    public int Count => _set.Images.Count;

    /// <summary>One image per centre, weighted by a rule.</summary>
    /// <param name="set">Prototypes.</param>
    /// <param name="rule">Weight rule.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="useCounts">False when the images do not come from the centres: then no image stands for a cell.</param>
    public static DistilledPlan FromPrototypes(PrototypeSet set, WeightRule rule, ulong seed, bool useCounts) => Create(
        set.ClassNames,
        c => set.CenterCount(c),
        (c, weights) => set.ComputeWeights(c, rule, weights),
        (c, k) => useCounts ? set.Counts(c)[k] : 0,
        (c, k) => useCounts && set.HasMasses ? set.Masses(c)[k] : null,
        seed);

    /// <summary>Images that stand for themselves, all of weight 1.</summary>
    public static DistilledPlan Uniform(IReadOnlyList<string> classNames, int[] imagesPerClass, ulong seed) => Create(
        classNames, c => imagesPerClass[c], (_, weights) => weights.AsSpan().Fill(1), (_, _) => 0, (_, _) => null, seed);

    /// <summary>Label and prototype of an image.</summary>
    public (int Label, int Prototype) Row(int index) => (_set.Images[index].Label, _set.Images[index].Prototype);

    /// <summary>Whether all images of a batch are on disk, each to its last byte.</summary>
    public bool HasImages(string folder, int first, int count) =>
        Enumerable.Range(first, Math.Min(count, Count - first)).All(i => ImageWriter.IsWholePng(PathOf(folder, i)));

    /// <summary>Writes one image as PNG, without waiting for the disk: <see cref="HasImages"/> notices what a power failure cut short.</summary>
    public void WriteImage(string folder, int index, ReadOnlySpan<byte> planar, int channels, int side)
    {
        byte[] png;
        if (channels == 3)
        {
            png = ImageWriter.EncodePng(planar, 3, side, side);
        }
        else
        {
            var grey = new byte[side * side];
            PlanarRgb.ToGrey(planar, grey);
            png = ImageWriter.EncodePng(grey, 1, side, side);
        }

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
    public void Complete(StageFolder stage, WeightRule weights, string origin, ulong seed, string device, Func<int, double>? distortion)
    {
        _set.SaveMetadata(stage.Path);
        IReadOnlyList<DistilledSummary> summary = DistilledSummary.Of(_set, distortion);
        DistilledSummary.Save(stage.Path, summary);
        StageRecord record = StageFolder.Read(stage.Path);
        var configuration = new SortedDictionary<string, string>(record.Settings, StringComparer.Ordinal) { [WeightsKey] = SynthesizeSettings.Weights.Show(weights) };
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
    public static string? WeightsOf(string folder) => DistilledProvenance.Load(folder).Configuration.GetValueOrDefault(WeightsKey);

    private string PathOf(string folder, int index) => DistilledSet.PathOf(folder, _set.Images[index].FileName);

    private static DistilledPlan Create(
        IReadOnlyList<string> classNames,
        Func<int, int> count,
        Action<int, float[]> weigh,
        Func<int, int, long> clusterSize,
        Func<int, int, double?> clusterMass,
        ulong seed)
    {
        var folders = new ClassFolders(classNames);
        int most = Enumerable.Range(0, classNames.Count).Max(count);
        var images = new List<DistilledImage>();
        for (int c = 0; c < classNames.Count; c++)
        {
            var weights = new float[count(c)];
            weigh(c, weights);
            for (int k = 0; k < weights.Length; k++)
                images.Add(new DistilledImage(folders.FileName(c, k, most), c, classNames[c], weights[k], clusterSize(c, k), k, (long)seed, clusterMass(c, k)));
        }

        return new DistilledPlan(new DistilledSet(classNames, images));
    }
}
