namespace Ddoq.Imaging;

/// <summary>A labelled image dataset with random access: images in a fixed order, one label each.</summary>
/// <remarks>
/// The order and the labels are a function of the files alone (names and contents), never of the file system's order,
/// the clock or the number of threads. All members may be called from many threads at once. Open one with
/// <see cref="ImageDatasets.Open"/>.
/// </remarks>
public interface IImageDataset : IDisposable
{
    /// <summary>The folder the dataset was opened from, as it was given.</summary>
    string Location { get; }

    /// <summary>Class names in label order, C of them.</summary>
    IReadOnlyList<string> ClassNames { get; }

    /// <summary>The number of images, N.</summary>
    int Count { get; }

    /// <summary>True when every image has a single channel, with or without alpha.</summary>
    /// <remarks>
    /// Reading it may look at the header of every file, once: it stops at the first image in colour, so it is slow
    /// only for a large folder that is grey throughout. Files that cannot be read do not count.
    /// </remarks>
    bool IsGrey { get; }

    /// <summary>A cheap identity of the dataset: 64 hexadecimal digits (SHA-256).</summary>
    /// <remarks>
    /// Covers class names, image names, labels and sizes in bytes. Equal for a copy of the files elsewhere; independent of
    /// times, owners and of <see cref="Location"/>. It does not read image files, so it misses an edit that keeps a file's
    /// length: <see cref="ComputeContentDigest"/> does not. Computed at the first call, then kept.
    /// </remarks>
    /// <exception cref="DdoqException">A file disappeared.</exception>
    string Fingerprint { get; }

    /// <summary>The label of an image, 0 to C - 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is not in [0, N).</exception>
    int LabelOf(int index);

    /// <summary>
    /// The name of an image for people and for records: a path relative to <see cref="Location"/> with <c>/</c> between
    /// folders, or a file and a place in it such as <c>train-images-idx3-ubyte.gz[123]</c>, <c>n01440764.tar:n01440764_10026.JPEG</c> or
    /// <c>train-00003-of-00016.parquet row 17</c>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is not in [0, N).</exception>
    string NameOf(int index);

    /// <summary>The size of an image as it is shown (after its EXIF orientation), read from its header.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is not in [0, N).</exception>
    /// <exception cref="DamagedImageException">The header cannot be read.</exception>
    ImageSize SizeOf(int index);

    /// <summary>Decodes one image, fits it to a size, and writes it as planar RGB.</summary>
    /// <param name="index">Which image.</param>
    /// <param name="fit">The size to give it and how.</param>
    /// <param name="planar">
    /// Receives <c>[3, fit.Height, fit.Width]</c> bytes, red plane first, 0 to 255. A grey image fills the three planes
    /// alike. Longer spans keep what follows.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is not in [0, N).</exception>
    /// <exception cref="ArgumentException"><paramref name="planar"/> is too short.</exception>
    /// <exception cref="DamagedImageException">The file is truncated, corrupt or no image.</exception>
    /// <exception cref="DdoqException">
    /// The file's contents and extension disagree; or the fit is <see cref="FitMode.Pad"/> and the image is larger than the
    /// target or the images differ in size.
    /// </exception>
    void ReadRgb(int index, ImageFit fit, Span<byte> planar);

    /// <summary>The SHA-256 of everything: class names, image names, labels and contents; 64 hexadecimal digits.</summary>
    /// <remarks>Reads every file, in parallel; memory is one buffer per thread. Independent of the number of threads.</remarks>
    /// <exception cref="DdoqException">A file cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    string ComputeContentDigest(CancellationToken cancellationToken = default);
}

/// <summary>The size of an image in pixels.</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
public readonly record struct ImageSize(int Width, int Height)
{
    /// <summary>Width before height, for example <c>500x375</c>.</summary>
    public override string ToString() => $"{Width}x{Height}";
}
