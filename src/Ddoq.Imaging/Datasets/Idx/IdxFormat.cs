using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using Ddoq.Storage;

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

/// <summary>Grey images of one size, held in memory as they stand in an IDX file.</summary>
internal sealed class IdxDataset : IImageDataset
{
    private readonly string _imagesPath;
    private readonly string _imagesName;
    private readonly byte[] _pixels; // (N, H, W)
    private readonly byte[] _labels; // (N)
    private readonly ImageSize _size;
    private readonly RemarkCounter _remarks = new();
    private readonly Lazy<string> _digest;

    public IdxDataset(string location, string imagesPath, string[] classNames, byte[] pixels, byte[] labels, ImageSize size)
    {
        Location = location;
        ClassNames = classNames;
        _imagesPath = imagesPath;
        _imagesName = Path.GetFileName(imagesPath);
        _pixels = pixels;
        _labels = labels;
        _size = size;
        _digest = new Lazy<string>(Digest);
    }

    /// <inheritdoc/>
    public string Location { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames { get; }

    /// <inheritdoc/>
    public int Count => _labels.Length;

    /// <inheritdoc/>
    public IReadOnlyList<DataRemark> PassedOver => [];

    /// <inheritdoc/>
    public IReadOnlyList<DataRemark> Remarks => _remarks.ToList();

    /// <inheritdoc/>
    public bool IsGrey => true;

    /// <inheritdoc/>
    /// <remarks>Here the contents are in memory, so this is the content digest. A plain and a gzip copy have the same.</remarks>
    public string Fingerprint => _digest.Value;

    /// <inheritdoc/>
    public string ComputeContentDigest(CancellationToken cancellationToken = default) => _digest.Value;

    /// <inheritdoc/>
    public int LabelOf(int index) => _labels[Checked(index)];

    /// <inheritdoc/>
    public string NameOf(int index) => $"{_imagesName}[{Checked(index)}]";

    /// <inheritdoc/>
    public ImageSize SizeOf(int index)
    {
        Checked(index);
        return _size;
    }

    /// <inheritdoc/>
    public void ReadRgb(int index, ImageFit fit, Span<byte> planar)
    {
        ArgumentNullException.ThrowIfNull(fit);
        Examine(index);
        ImageFitter.Fit(new PixelSource(Image(index), _size, 1, _imagesPath), fit, planar);
    }

    /// <inheritdoc/>
    public ImageFacts Examine(int index)
    {
        ReadOnlySpan<byte> image = Image(Checked(index));
        bool constant = !image.ContainsAnyExcept(image[0]);
        if (constant)
            _remarks.AddImage(ImageFacts.Constant, index, NameOf(index));
        return new ImageFacts(_size, "grey", 1, constant, 0);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing but managed memory is held.
    }

    private ReadOnlySpan<byte> Image(int index) => _pixels.AsSpan(index * _size.Height * _size.Width, _size.Height * _size.Width);

    private int Checked(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return index;
    }

    private string Digest()
    {
        using var digest = new DatasetDigest("idx", ClassNames);
        digest.Append(Count, _size.Width, _size.Height);
        digest.Append(SHA256.HashData(_labels));
        digest.Append(SHA256.HashData(_pixels));
        return digest.Finish();
    }
}

/// <summary>Reads an IDX file of unsigned bytes, plain or under gzip, and checks it against its own header.</summary>
/// <remarks>
/// Layout: two zero bytes, the type code 0x08, the number of dimensions, each dimension as a big-endian 32-bit integer, then
/// the elements with the last dimension fastest. Source: the description on the MNIST page (LeCun, Cortes, Burges).
/// </remarks>
internal static class IdxFile
{
    private const byte UnsignedByte = 0x08;
    private const int BlockBytes = 1 << 16;

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file; gzip is recognised by its first bytes, not by its name.</param>
    /// <param name="rank">The number of dimensions it must have.</param>
    /// <returns>The dimensions and the elements.</returns>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="DdoqException">Not such a file, truncated, longer than its header says, or damaged.</exception>
    public static (int[] Dimensions, byte[] Elements) Read(string path, int rank, CancellationToken cancellation = default) =>
        DataFile.Guard(path, (rank, cancellation), static (asked, path) =>
        {
            using FileStream file = DataFile.Open(path);
            return Read(file, path, asked.rank, asked.cancellation);
        });

    private static (int[] Dimensions, byte[] Elements) Read(FileStream file, string path, int rank, CancellationToken cancellation)
    {
        Span<byte> start = stackalloc byte[GitPointer.Length];
        start = start[..file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
        GitPointer.Refuse(start, path);
        bool compressed = start is [0x1F, 0x8B, ..];
        file.Position = 0;
        if (!compressed)
            return Read(file, path, rank, file.Length, cancellation);

        using var stream = new GZipStream(file, CompressionMode.Decompress);
        try
        {
            return Read(stream, path, rank, file.Length * DataFile.MaximumDeflateRatio, cancellation);
        }
        catch (InvalidDataException e)
        {
            throw new DdoqException($"{path}: the gzip stream is damaged", "fetch the file again", e);
        }
    }

    private static (int[] Dimensions, byte[] Elements) Read(Stream stream, string path, int rank, long mostBytes, CancellationToken cancellation)
    {
        Span<byte> header = stackalloc byte[4 + 4 * rank];
        int got = stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        if (got < header.Length || header[0] != 0 || header[1] != 0 || header[2] != UnsignedByte || header[3] != rank)
        {
            throw new DdoqException(
                $"{path} starts with {Convert.ToHexStringLower(header[..Math.Min(got, 4)])}; an IDX file of unsigned bytes with "
                + $"{rank} dimension{(rank == 1 ? "" : "s")} starts with 000008{rank:x2} and has a header of {header.Length} bytes",
                "check that the images and the labels file are not swapped, and fetch the file again");
        }

        var dimensions = new int[rank];
        Int128 length = 1;
        for (int i = 0; i < rank; i++)
        {
            uint dimension = BinaryPrimitives.ReadUInt32BigEndian(header[(4 + 4 * i)..]);
            length *= dimension;
            dimensions[i] = dimension <= int.MaxValue ? (int)dimension : throw WrongLength(path, $"{dimension}", "fewer");
        }

        string claimed = string.Join(" x ", dimensions);
        if (length > mostBytes || length > Array.MaxLength)
            throw WrongLength(path, claimed, "fewer");

        byte[] elements = ReadElements(stream, (int)length, cancellation, out int read);
        if (read < elements.Length)
            throw WrongLength(path, claimed, $"only {read}");
        if (stream.ReadByte() >= 0)
            throw WrongLength(path, claimed, "more");
        return (dimensions, elements);
    }

    // The array grows with what is there, so that a wrong header does not make us allocate for its claim.
    private static byte[] ReadElements(Stream stream, int length, CancellationToken cancellation, out int read)
    {
        byte[] elements = new byte[Math.Min(length, BlockBytes)];
        read = 0;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            read += stream.ReadAtLeast(elements.AsSpan(read), elements.Length - read, throwOnEndOfStream: false);
            if (read < elements.Length || read == length)
                return elements;
            Array.Resize(ref elements, (int)Math.Min(length, 2L * elements.Length));
        }
    }

    private static DdoqException WrongLength(string path, string claimed, string found) => new(
        $"{path}: the header says {claimed} bytes, the file holds {found}",
        "the file is truncated or its header is wrong: fetch it again");
}
