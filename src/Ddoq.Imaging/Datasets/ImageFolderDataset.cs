using System.Security.Cryptography;

namespace Ddoq.Imaging;

/// <summary>Image files in class folders, decoded when they are read.</summary>
internal sealed class ImageFolderDataset : IImageDataset
{
    private const int HashBuffer = 1 << 20;

    private readonly ImageFolderIndex _index;
    private readonly ImageDatasetOptions _options;
    private readonly Lazy<bool> _isGrey;
    private readonly Lazy<string> _fingerprint;
    private readonly Lazy<(int Index, ImageSize Size)?> _firstReadable;

    public ImageFolderDataset(ImageFolderIndex index, ImageDatasetOptions options)
    {
        _index = index;
        _options = options;
        _isGrey = new Lazy<bool>(ScanGrey);
        _fingerprint = new Lazy<string>(ComputeFingerprint);
        _firstReadable = new Lazy<(int, ImageSize)?>(FindFirstReadable);
    }

    /// <inheritdoc/>
    public string Location => _index.Location;

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames => _index.ClassNames;

    /// <inheritdoc/>
    public int Count => _index.FolderOf.Length;

    /// <inheritdoc/>
    public bool IsGrey => _isGrey.Value;

    /// <inheritdoc/>
    public string Fingerprint => _fingerprint.Value;

    /// <inheritdoc/>
    public int LabelOf(int index) => _index.LabelOfFolder[_index.FolderOf[Checked(index)]];

    /// <inheritdoc/>
    public string NameOf(int index) => _index.NameOf(Checked(index));

    /// <inheritdoc/>
    public ImageSize SizeOf(int index) => ImageHeader.Read(_index.PathOf(Checked(index)), _options).Size;

    /// <inheritdoc/>
    public void ReadRgb(int index, ImageFit fit, Span<byte> planar)
    {
        ArgumentNullException.ThrowIfNull(fit);
        string path = _index.PathOf(Checked(index));
        using DecodedImage image = ImageDecoder.Decode(DataFile.ReadAllBytes(path), path, _options);
        if (fit.Mode == FitMode.Pad && _firstReadable.Value is { } first && first.Size != image.Size)
            ThrowMixedSizes(path, image.Size, _index.PathOf(first.Index), first.Size);
        ImageFitter.Fit(image.AsSource(path), fit, planar);
    }

    /// <inheritdoc/>
    public string ComputeContentDigest(CancellationToken cancellationToken = default)
    {
        var digests = new byte[Count][];
        OrderedParallel.For(
            Count,
            Environment.ProcessorCount,
            i => digests[i] = DataFile.Guard(_index.PathOf(i), 0, static (_, path) => HashFile(path)),
            cancellationToken);
        using var digest = new DatasetDigest("folder-content", ClassNames);
        for (int i = 0; i < Count; i++)
        {
            AppendRow(digest, i);
            digest.Append(digests[i]);
        }

        return digest.Finish();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Files are open only while they are read.
    }

    private string ComputeFingerprint()
    {
        var lengths = new long[Count];
        OrderedParallel.For(
            Count,
            Environment.ProcessorCount,
            i => lengths[i] = DataFile.Guard(_index.PathOf(i), 0, static (_, path) => new FileInfo(path).Length),
            CancellationToken.None);
        using var digest = new DatasetDigest("folder", ClassNames);
        for (int i = 0; i < Count; i++)
        {
            AppendRow(digest, i);
            digest.Append(lengths[i]);
        }

        return digest.Finish();
    }

    // The split's folder is left out: a copy may call val/ test/.
    private void AppendRow(DatasetDigest digest, int index)
    {
        digest.Append(_index.NameInPart(index));
        digest.Append(LabelOf(index));
    }

    private static byte[] HashFile(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, HashBuffer);
        return SHA256.HashData(stream);
    }

    private bool ScanGrey()
    {
        int colour = 0;
        Parallel.For(0, Count, (i, loop) =>
        {
            if (TryReadHeader(i) is not { IsGrey: false })
                return;
            Volatile.Write(ref colour, 1);
            loop.Stop();
        });
        return colour == 0;
    }

    private (int Index, ImageSize Size)? FindFirstReadable()
    {
        for (int i = 0; i < Count; i++)
        {
            if (TryReadHeader(i) is { } header)
                return (i, header.Size);
        }

        return null;
    }

    private ImageHeader? TryReadHeader(int index)
    {
        try
        {
            return ImageHeader.Read(_index.PathOf(index), _options);
        }
        catch (DdoqException)
        {
            // Reported when the image itself is read, under the caller's damage policy.
            return null;
        }
    }

    private int Checked(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return index;
    }

    private static void ThrowMixedSizes(string path, ImageSize size, string firstPath, ImageSize firstSize) => throw new DdoqException(
        $"mixed image sizes: {path} is {size}, {firstPath} is {firstSize}; --fit pad needs images of one size",
        "use --fit resize or --fit crop-centre");
}
