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
        using IImageDataset files = ImageDatasets.Open(folder, DatasetSplit.Train, new ImageDatasetOptions { ClassNames = list.ClassNames });
        int side = SideOf(files, folder), pixels = 3 * side * side;
        var fit = new ImageFit(side, side, FitMode.Pad);
        RequireMemory(files.Count, pixels, folder);
        var bytes = new byte[files.Count * pixels];
        context.ForEach(files.Count, () => new MemoryStream(), (i, _) => files.ReadRgb(i, fit, bytes.AsSpan(i * pixels, pixels)));
        return new OpenedSet(folder, list, bytes, side);
    }

    /// <summary>Side of the square images of a set, by its first image.</summary>
    /// <exception cref="DdoqException">The set is not usable, or its images are not square.</exception>
    public static int SideOf(string folder)
    {
        using IImageDataset files = ImageDatasets.Open(folder, DatasetSplit.Train);
        return SideOf(files, folder);
    }

    private static int SideOf(IImageDataset files, string folder)
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

    private static void RequireMemory(long count, int pixels, string place)
    {
        if (count * pixels > Array.MaxLength)
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"the {count} images of '{place}' take {count * pixels / 1e9:F1} GB as pixels; {Array.MaxLength / 1e9:F1} GB are held at most"),
                "Take fewer images per class, or smaller ones.");
        }
    }
}
