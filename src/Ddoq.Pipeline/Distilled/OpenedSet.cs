using System.Globalization;
using System.Runtime.InteropServices;
using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using Ddoq.Storage;
using Ddoq.Training;

namespace Ddoq.Pipeline;

/// <summary>A distilled set in memory: its list, pixels, labels and weights, and its soft labels when they are asked for.</summary>
internal sealed class OpenedSet
{
    private readonly string _folder;

    private OpenedSet(string folder, DistilledSet list, byte[] pixels, int side)
    {
        _folder = folder;
        List = list;
        Pixels = pixels;
        Side = side;
        Labels = [.. list.Images.Select(image => image.Label)];
    }

    /// <summary>The list, in whose order everything else is.</summary>
    public DistilledSet List { get; }

    /// <summary>Class names in label order.</summary>
    public IReadOnlyList<string> ClassNames => List.ClassNames;

    /// <summary>[n, 3, side, side] planar bytes.</summary>
    public byte[] Pixels { get; }

    /// <summary>[n] labels.</summary>
    public int[] Labels { get; }

    /// <summary>Side of the square images in pixels.</summary>
    public int Side { get; }

    /// <summary>Number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>Images per class, rounded up.</summary>
    public int ImagesPerClass => (Count + ClassNames.Count - 1) / ClassNames.Count;

    /// <summary>All training images of a dataset as a set: the upper bound of what a distilled set can be worth.</summary>
    /// <param name="source">The images.</param>
    /// <param name="fit">How they become the student's.</param>
    /// <param name="context">Workers, cancellation.</param>
    /// <exception cref="DdoqException">They are not usable, or do not fit into memory.</exception>
    public static OpenedSet OfTraining(ImageOptions source, ImageFit fit, StageContext context)
    {
        using IImageDataset data = source.OpenTraining(context.Cancellation);
        int pixels = 3 * fit.Height * fit.Width;
        RequireMemory(data.Count, pixels, data.Location);
        var bytes = new byte[data.Count * pixels];
        var images = new List<DistilledImage>(data.Count);
        var reader = new ImageBatchReader(data, fit, new ImageBatchOptions { Workers = context.Workers, Damage = DamagePolicy.Skip(source.MaxDamaged) });
        foreach (ImageBatch batch in reader.ReadAll(context.Cancellation))
        {
            batch.Bytes.Span.CopyTo(bytes.AsSpan(images.Count * pixels));
            for (int i = 0; i < batch.Count; i++)
                images.Add(new DistilledImage(batch.Indices[i].ToString(CultureInfo.InvariantCulture), batch.Labels[i], data.ClassNames[batch.Labels[i]]));
        }

        return new OpenedSet(data.Location, new DistilledSet(data.ClassNames, images), bytes[..(images.Count * pixels)], fit.Height);
    }

    /// <summary>Loads a set, of this program or of another.</summary>
    /// <exception cref="DdoqException">The list, an image or their relation is not usable; the message names file and line.</exception>
    public static OpenedSet Load(string folder, StageContext context)
    {
        DistilledSet list = DistilledSet.Load(folder);
        using var images = SetImages.Open(folder, list);
        return new OpenedSet(folder, list, images.Read(0, images.Count, context), images.Side);
    }

    /// <summary>Side of the square images of a set, by its first image.</summary>
    /// <exception cref="DdoqException">The set is not usable, or its images are not square.</exception>
    public static int SideOf(string folder)
    {
        using IImageDataset files = ImageDatasets.Open(folder, DatasetSplit.Train);
        return SideOf(files, folder);
    }

    internal static int SideOf(IImageDataset files, string folder)
    {
        ImageSize size = files.SizeOf(0);
        return size.Width == size.Height
            ? size.Width
            : throw new DdoqException($"'{folder}': {files.NameOf(0)} is {size}, square images are needed", "Distilled sets of ddoq are square.");
    }

    /// <summary>The loss weights: those that the set stores, or those of a rule, class by class, from the cluster sizes.</summary>
    /// <param name="rule">Null takes the stored ones.</param>
    /// <exception cref="UsageException">A rule is asked for that needs cluster sizes, and the set has none.</exception>
    public float[] Weights(WeightRule? rule) => ImageWeights.Of(List, _folder, rule);

    /// <summary>The teacher's logits of the images, [n, C], from the set's file.</summary>
    /// <exception cref="DdoqException">There are none, or they belong to other images, labels or classes.</exception>
    public float[] ReadSoftLabels()
    {
        string path = Path.Combine(_folder, SoftLabels.FileName);
        if (!File.Exists(path))
            throw new DdoqException($"'{path}' is missing: the set has no soft labels", $"Label the set first: ddoq label --distilled {_folder}");
        using SoftLabels file = SoftLabels.Load(path);
        file.EnsureMatches(List);
        if (file.ClassCount != ClassNames.Count)
            throw new DdoqException($"'{path}': logits of {file.ClassCount} classes, the set has {ClassNames.Count}", $"Label the set again: ddoq label --distilled {_folder} --force");
        var logits = new float[(long)Count * ClassNames.Count];
        for (int i = 0; i < Count; i++)
            file.Logits(i).CopyTo(logits.AsSpan(i * ClassNames.Count));
        return logits;
    }

    /// <summary>The set as a student takes it.</summary>
    public TrainingImages ToTraining(float[] weights, float[]? softLabels) => new(Pixels, Labels, weights, softLabels, Count, Side, Side);

    /// <summary>Identity of pixels and labels.</summary>
    public string ComputeIdentity() => ContentHash.OfText(
        ContentHash.OfBytes(Pixels) + ContentHash.OfBytes(MemoryMarshal.AsBytes(Labels.AsSpan())) + string.Join('\n', ClassNames));

    internal static void RequireMemory(long count, int pixels, string place)
    {
        if (count * pixels > Array.MaxLength)
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"the {count} images of '{place}' take {count * pixels / 1e9:F1} GB as pixels; {Array.MaxLength / 1e9:F1} GB are held at most"),
                "Take fewer images per class, or smaller ones.");
        }
    }
}

/// <summary>The images of a distilled set, of which some are read at a time.</summary>
internal sealed class SetImages : IDisposable
{
    private readonly string _folder;
    private readonly DistilledSet _list;
    private readonly IImageDataset _files;

    private SetImages(string folder, DistilledSet list, IImageDataset files)
    {
        (_folder, _list, _files) = (folder, list, files);
        Side = OpenedSet.SideOf(files, folder);
    }

    /// <summary>Side of the square images in pixels.</summary>
    public int Side { get; }

    /// <summary>Number of images.</summary>
    public int Count => _files.Count;

    /// <summary>Opens a set's images.</summary>
    /// <exception cref="DdoqException">They are not usable, or not square.</exception>
    public static SetImages Open(string folder, DistilledSet list)
    {
        IImageDataset files = ImageDatasets.Open(folder, DatasetSplit.Train, new ImageDatasetOptions { ClassNames = list.ClassNames });
        try
        {
            return new SetImages(folder, list, files);
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>Pixels of a run of images, [count, 3, side, side] planar bytes.</summary>
    /// <exception cref="DdoqException">They do not fit into memory, or one is damaged.</exception>
    public byte[] Read(int first, int count, StageContext context)
    {
        int pixels = 3 * Side * Side;
        OpenedSet.RequireMemory(count, pixels, _folder);
        var fit = new ImageFit(Side, Side, FitMode.Pad);
        var bytes = new byte[count * pixels];
        context.ForEach(count, () => new MemoryStream(), (i, _) => _files.ReadRgb(first + i, fit, bytes.AsSpan(i * pixels, pixels)));
        return bytes;
    }

    /// <summary>Labels of a run of images.</summary>
    public int[] LabelsOf(int first, int count) => [.. _list.Images.Skip(first).Take(count).Select(image => image.Label)];

    /// <summary>Where an image is.</summary>
    public string PathOf(int index) => DistilledSet.PathOf(_folder, _list.Images[index].FileName);

    public void Dispose() => _files.Dispose();
}

/// <summary>The loss weights of a distilled set's images.</summary>
internal static class ImageWeights
{
    /// <summary>The weights that the set stores, or those of a rule, class by class, from the cluster sizes.</summary>
    /// <param name="set">The set's list.</param>
    /// <param name="folder">Its folder, for the error text.</param>
    /// <param name="rule">Null takes the stored ones.</param>
    /// <exception cref="UsageException">A rule is asked for that needs cluster sizes, and the set has none.</exception>
    public static float[] Of(DistilledSet set, string folder, WeightRule? rule)
    {
        if (rule is null)
            return [.. set.Images.Select(image => (float)image.Weight)];
        double[] masses = [.. set.Images.Select(image => image.ClusterMass ?? image.ClusterSize)];
        if (rule != WeightRule.None && masses.All(mass => mass == 0))
        {
            throw new UsageException(
                $"weights by {rule} are asked for, but the images of '{folder}' have no cluster sizes",
                "Leave --weights out to train with the weights that the set stores.");
        }

        var weights = new float[masses.Length];
        foreach (var rows in Enumerable.Range(0, masses.Length).GroupBy(i => set.Images[i].Label))
        {
            int[] indices = [.. rows];
            var values = new float[indices.Length];
            PrototypeWeights.Compute(rule.Value, indices.Select(i => masses[i]).ToArray(), values);
            for (int k = 0; k < indices.Length; k++)
                weights[indices[k]] = values[k];
        }

        return weights;
    }
}
