using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Quantization;
using Ddoq.Training;
using ImageFit = Ddoq.Imaging.ImageFit;

namespace Ddoq.Pipeline;

/// <summary>A distilled set in memory: pixels, labels and cluster sizes.</summary>
/// <param name="Pixels">[n, 3, side, side] planar bytes.</param>
/// <param name="Labels">[n] labels.</param>
/// <param name="ClusterMasses">[n] rows, or the sum of their sample weights, that each image stands for; all 0 where images stand for themselves.</param>
/// <param name="ClassNames">Class names in label order.</param>
/// <param name="Side">Side of the square images in pixels.</param>
/// <param name="Identity">What made the set.</param>
internal sealed record DistilledImages(
    byte[] Pixels, int[] Labels, double[] ClusterMasses, IReadOnlyList<string> ClassNames, int Side, string Identity)
{
    public int Count => Labels.Length;

    public int ImageLength => 3 * Side * Side;

    /// <summary>Loads a set in the order of its metadata.</summary>
    public static DistilledImages Load(string folder, StageContext context)
    {
        DistilledSet set = DistilledSet.Load(folder);
        using IImageDataset files = ImageDatasets.Open(folder, DatasetSplit.Train, new ImageDatasetOptions { ClassNames = set.ClassNames });
        if (files.Count != set.Images.Count)
        {
            throw new DdoqException(
                $"'{folder}': the metadata lists {set.Images.Count} images, the folder holds {files.Count}",
                "Make the set again (ddoq synthesize), or restore its files.");
        }

        ImageSize size = files.SizeOf(0);
        if (size.Width != size.Height)
            throw new DdoqException($"'{folder}': {files.NameOf(0)} is {size}, square images are needed", "Distilled sets of ddoq are square.");
        var fit = new ImageFit(size.Height, size.Width, FitMode.Pad);
        int pixels = 3 * size.Width * size.Height;
        var byName = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < files.Count; i++)
            byName.Add(files.NameOf(i), i);
        var bytes = new byte[(long)set.Images.Count * pixels];
        context.ForEach(set.Images.Count, () => new MemoryStream(), (i, _) =>
        {
            string name = $"{DistilledSet.TrainFolder}/{set.Images[i].FileName}";
            if (!byName.TryGetValue(name, out int index))
                throw new DdoqException($"'{folder}': {name} is listed in the metadata but not in the folder", "Make the set again (ddoq synthesize).");
            files.ReadRgb(index, fit, bytes.AsSpan(i * pixels, pixels));
        });
        return new DistilledImages(
            bytes,
            [.. set.Images.Select(image => image.Label)],
            [.. set.Images.Select(image => image.ClusterMass ?? image.ClusterSize)],
            set.ClassNames,
            size.Width,
            StageIdentity.Of(folder));
    }

    /// <summary>The set with loss weights after a rule, class by class; null weights when all are 1.</summary>
    public TrainingImages ToTrainingImages(WeightRule rule)
    {
        float[]? weights = rule == WeightRule.None ? null : new float[Count];
        if (weights is not null)
        {
            foreach (var rows in Enumerable.Range(0, Count).GroupBy(i => Labels[i]))
            {
                int[] indices = [.. rows];
                var values = new float[indices.Length];
                PrototypeWeights.Compute(rule, indices.Select(i => ClusterMasses[i]).ToArray(), values);
                for (int k = 0; k < indices.Length; k++)
                    weights[indices[k]] = values[k];
            }
        }

        return new TrainingImages(Pixels, Labels, weights, null, Count, Side, Side);
    }
}
