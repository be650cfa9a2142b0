using System.Security.Cryptography;

namespace Ddoq.Imaging;

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
            _remarks.Add(ImageFacts.Constant, NameOf(index));
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
