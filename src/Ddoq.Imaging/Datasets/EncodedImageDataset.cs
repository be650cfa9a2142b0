using System.Security.Cryptography;

namespace Ddoq.Imaging;

/// <summary>Encoded images with labels, decoded when they are read.</summary>
internal sealed class EncodedImageDataset : IImageDataset
{
    private readonly IEncodedImages _images;
    private readonly int[] _labels;
    private readonly string _kind;
    private readonly ImageDatasetOptions _options;
    private readonly RemarkCounter _remarks = new();
    private readonly Lazy<bool> _isGrey;
    private readonly Lazy<string> _fingerprint;
    private readonly Lazy<(int Index, ImageSize Size)?> _firstReadable;

    /// <summary>Takes over <paramref name="images"/>, which it disposes of.</summary>
    /// <param name="location">The data folder as it was given.</param>
    /// <param name="kind">The kind of storage, part of the identity.</param>
    /// <param name="images">Where the images are.</param>
    /// <param name="labels">The label of each image.</param>
    /// <param name="classNames">Class names in label order.</param>
    /// <param name="options">How images are decoded.</param>
    /// <param name="passedOver">What the index left out.</param>
    public EncodedImageDataset(
        string location, string kind, IEncodedImages images, int[] labels, IReadOnlyList<string> classNames, ImageDatasetOptions options, RemarkCounter? passedOver = null)
    {
        PassedOver = passedOver?.ToList() ?? [];
        Location = location;
        ClassNames = classNames;
        _kind = kind;
        _images = images;
        _labels = labels;
        _options = options;
        _isGrey = new Lazy<bool>(ScanGrey);
        _fingerprint = new Lazy<string>(ComputeFingerprint);
        _firstReadable = new Lazy<(int, ImageSize)?>(FindFirstReadable);
    }

    /// <inheritdoc/>
    public string Location { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames { get; }

    /// <inheritdoc/>
    public int Count => _labels.Length;

    /// <inheritdoc/>
    public IReadOnlyList<DataRemark> PassedOver { get; }

    /// <inheritdoc/>
    public IReadOnlyList<DataRemark> Remarks => _remarks.ToList();

    /// <inheritdoc/>
    public bool IsGrey => _isGrey.Value;

    /// <inheritdoc/>
    public string Fingerprint => _fingerprint.Value;

    /// <inheritdoc/>
    public int LabelOf(int index) => _labels[Checked(index)];

    /// <inheritdoc/>
    public string NameOf(int index) => _images.NameOf(Checked(index));

    /// <inheritdoc/>
    public ImageSize SizeOf(int index) => _images.ReadHeader(Checked(index), _options).Size;

    /// <inheritdoc/>
    public void ReadRgb(int index, ImageFit fit, Span<byte> planar)
    {
        ArgumentNullException.ThrowIfNull(fit);
        string place = _images.PlaceOf(Checked(index));
        using DecodedImage image = ImageDecoder.Decode(_images.Read(index), place, _options);
        Remark(image.Facts, index);
        if (fit.Mode == FitMode.Pad && _firstReadable.Value is { } first && first.Size != image.Size)
            ThrowMixedSizes(place, image.Size, _images.PlaceOf(first.Index), first.Size);
        ImageFitter.Fit(image.AsSource(place), fit, planar);
    }

    /// <inheritdoc/>
    public ImageFacts Examine(int index)
    {
        string place = _images.PlaceOf(Checked(index));
        using DecodedImage image = ImageDecoder.Decode(_images.Read(index), place, _options);
        Remark(image.Facts, index);
        return image.Facts;
    }

    /// <inheritdoc/>
    public string ComputeContentDigest(CancellationToken cancellationToken = default)
    {
        var digests = new byte[Count][];
        WorkerLoop.Run(Count, Environment.ProcessorCount, i => digests[i] = SHA256.HashData(_images.Read(i)), cancellationToken);
        using var digest = new DatasetDigest($"{_kind}-content", ClassNames);
        for (int i = 0; i < Count; i++)
        {
            AppendRow(digest, i);
            digest.Append(digests[i]);
        }

        return digest.Finish();
    }

    /// <inheritdoc/>
    public void Dispose() => _images.Dispose();

    private string ComputeFingerprint()
    {
        var samples = new byte[Count][];
        WorkerLoop.Run(Count, Environment.ProcessorCount, i => samples[i] = _images.SampleOf(i), _options.Cancellation);
        using var digest = new DatasetDigest($"{_kind}-sampled", ClassNames);
        for (int i = 0; i < Count; i++)
        {
            AppendRow(digest, i);
            digest.Append(samples[i]);
        }

        return digest.Finish();
    }

    private void AppendRow(DatasetDigest digest, int index)
    {
        digest.Append(_images.KeyOf(index));
        digest.Append(LabelOf(index));
    }

    private bool ScanGrey()
    {
        int colour = 0;
        Parallel.For(0, Count, new ParallelOptions { CancellationToken = _options.Cancellation }, (i, loop) =>
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
            _options.Cancellation.ThrowIfCancellationRequested();
            if (TryReadHeader(i) is { } header)
                return (i, header.Size);
        }

        return null;
    }

    private void Remark(ImageFacts facts, int index)
    {
        if (facts.IsConstant)
            _remarks.AddImage(ImageFacts.Constant, index, NameOf(index));
        else if (facts.LargestSample is > 0 and < 1 << 12)
            _remarks.AddImage(ImageFacts.NearlyBlack, index, NameOf(index));
    }

    private ImageHeader? TryReadHeader(int index)
    {
        try
        {
            return _images.ReadHeader(index, _options);
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
        "use --fit resize or --fit crop");
}

/// <summary>The encoded images of a dataset wherever they are stored: files, members of archives, cells of a table.</summary>
/// <remarks>Immutable; all members may be called from many threads at once.</remarks>
internal interface IEncodedImages : IDisposable
{
    /// <summary>The number of images, N.</summary>
    int Count { get; }

    /// <summary>The name of an image within its split, which a copy of the data elsewhere shares.</summary>
    string KeyOf(int index);

    /// <summary>The name of an image below the data folder.</summary>
    string NameOf(int index);

    /// <summary>Where an image is, for errors; where it ends in a known extension, that promises its format.</summary>
    string PlaceOf(int index);

    /// <summary>A <see cref="ContentSample"/> of an image or, where only reading it would tell, of the block that holds it.</summary>
    /// <exception cref="DdoqException">A file disappeared.</exception>
    byte[] SampleOf(int index);

    /// <summary>The encoded bytes of an image.</summary>
    /// <exception cref="DdoqException">They cannot be read.</exception>
    byte[] Read(int index);

    /// <summary>What the header of an image says.</summary>
    /// <exception cref="DamagedImageException">The header is damaged.</exception>
    /// <exception cref="DdoqException">It cannot be read, or is of a format that is not.</exception>
    ImageHeader ReadHeader(int index, ImageDatasetOptions options);
}
