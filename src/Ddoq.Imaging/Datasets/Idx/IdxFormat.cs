using System.Security.Cryptography;

namespace Ddoq.Imaging;

/// <summary>The four IDX files of MNIST and the datasets made in its likeness.</summary>
internal sealed class IdxFormat : IDatasetFormat
{
    private static readonly string[] s_trainNames = ["train"];
    private static readonly string[] s_testNames = ["t10k", "test"];

    // Fashion-MNIST's files have MNIST's names and no class names. Its 60,000 training labels tell it apart (SHA-256).
    private const string FashionMnistTrainLabels = "657FBD221BFC9F41";

    private static readonly string[] s_fashionMnistClasses =
    [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ];

    /// <inheritdoc/>
    public string Layout =>
        "the IDX files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (also with .gz)";

    /// <inheritdoc/>
    public bool Recognises(string folder) =>
        Find(folder, s_trainNames, "images", 3) is not null || Find(folder, s_testNames, "images", 3) is not null
        || Find(folder, s_trainNames, "labels", 1) is not null || Find(folder, s_testNames, "labels", 1) is not null;

    /// <inheritdoc/>
    public IImageDataset Open(string folder, DatasetSplit split, ImageDatasetOptions options)
    {
        if (split == DatasetSplit.Unsplit)
            throw new UsageException($"{folder} holds IDX files, which have a training and a test split", "name the split");

        string[] names = split == DatasetSplit.Train ? s_trainNames : s_testNames;
        string imagesPath = Find(folder, names, "images", 3) ?? throw Missing(folder, names, "images-idx3-ubyte");
        string labelsPath = Find(folder, names, "labels", 1) ?? throw Missing(folder, names, "labels-idx1-ubyte");

        (int[] shape, byte[] pixels) = IdxFile.Read(imagesPath, 3, options.Cancellation);
        byte[] labels = ReadLabels(labelsPath);
        if (labels.Length != shape[0])
        {
            throw new DdoqException(
                $"{imagesPath} has {shape[0]} images but {labelsPath} has {labels.Length} labels",
                "the two files belong to different datasets or splits: fetch both again");
        }

        if (labels.Length == 0 || shape[1] == 0 || shape[2] == 0)
            throw new DdoqException($"{imagesPath} is empty: {shape[0]} images of {shape[2]}x{shape[1]}", "fetch the file again");

        // The training labels define the classes of both splits: a test split may by chance lack the last class.
        byte[] definingLabels = split == DatasetSplit.Test && Find(folder, s_trainNames, "labels", 1) is { } trainLabelsPath
            ? ReadLabels(trainLabelsPath)
            : labels;
        string[] classNames = ClassNames(folder, definingLabels);
        CheckLabels(labels, labelsPath, classNames);
        if (options.Classes is { } subset)
            (classNames, pixels, labels) = Take(subset, classNames, folder, pixels, labels);
        if (options.ClassNames is { } wanted)
        {
            int[] map = ClassOrder.Map(classNames, wanted, folder, "the expected list");
            for (int i = 0; i < labels.Length; i++)
                labels[i] = (byte)map[labels[i]];
            classNames = [.. wanted];
        }

        return new IdxDataset(folder, imagesPath, classNames, pixels, labels, new ImageSize(shape[2], shape[1]));
    }

    private static byte[] ReadLabels(string path) => IdxFile.Read(path, 1).Elements;

    private static string[] ClassNames(string folder, byte[] labels)
    {
        if (ClassNameFile.TryRead(folder, "classes.txt") is { } names)
            return names;
        return Convert.ToHexString(SHA256.HashData(labels)).StartsWith(FashionMnistTrainLabels, StringComparison.Ordinal)
            ? s_fashionMnistClasses
            : [.. Enumerable.Range(0, labels.Max() + 1).Select(label => $"{label}")];
    }

    private static (string[] ClassNames, byte[] Pixels, byte[] Labels) Take(
        ClassSubset subset, string[] classNames, string folder, byte[] pixels, byte[] labels)
    {
        (string[] names, int[] map) = ClassSubset.Apply(subset, classNames, folder);
        int length = pixels.Length / labels.Length;
        int[] rows = [.. Enumerable.Range(0, labels.Length).Where(row => map[labels[row]] >= 0)];
        byte[] kept = new byte[rows.Length * length];
        for (int i = 0; i < rows.Length; i++)
            pixels.AsSpan(rows[i] * length, length).CopyTo(kept.AsSpan(i * length));
        return (names, kept, [.. rows.Select(row => (byte)map[labels[row]])]);
    }

    private static void CheckLabels(byte[] labels, string path, string[] classNames)
    {
        var counts = new int[256];
        foreach (byte label in labels)
            counts[label]++;
        int largest = Array.FindLastIndex(counts, count => count > 0);
        if (largest >= classNames.Length)
        {
            int row = Array.FindIndex(labels, label => label >= classNames.Length);
            throw new DdoqException(
                $"{path}: label {labels[row]} at position {row}, but there are {classNames.Length} class names (labels 0 to {classNames.Length - 1})",
                "give classes.txt one name for every label");
        }

        int empty = Array.FindIndex(counts, 0, classNames.Length, count => count == 0);
        if (empty >= 0)
        {
            throw new DdoqException(
                $"{path}: class {empty} ({classNames[empty]}) has no images",
                "every class needs at least one; renumber the labels or shorten classes.txt");
        }
    }

    /// <summary>The file of a split and kind: <c>-</c> or <c>.</c> before <c>idx</c>, plain before gzip; null when there is none.</summary>
    private static string? Find(string folder, string[] splitNames, string kind, int rank) =>
        splitNames
            .SelectMany(split => new[] { $"{split}-{kind}-idx{rank}-ubyte", $"{split}-{kind}.idx{rank}-ubyte" })
            .SelectMany(name => new[] { Path.Combine(folder, name), Path.Combine(folder, name + ".gz") })
            .FirstOrDefault(File.Exists);

    private static UsageException Missing(string folder, string[] splitNames, string rest) => new(
        $"{folder} has IDX files, but {splitNames[0]}-{rest} (or {splitNames[0]}-{rest}.gz) is not among them",
        "fetch the missing file into the folder");
}
