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

    /// <summary>What was left out when the dataset was opened, by kind: other formats, hidden files, folders of the system.</summary>
    IReadOnlyList<DataRemark> PassedOver { get; }

    /// <summary>What was odd in the images that were read so far, by kind: constant ones, 12-bit data in 16-bit files.</summary>
    IReadOnlyList<DataRemark> Remarks { get; }

    /// <summary>A cheap identity of the dataset: 64 hexadecimal digits (SHA-256).</summary>
    /// <remarks>
    /// Covers class names, image names, labels, sizes in bytes, and up to 8 KB of each image (BMP and TIFF: all of it), so it
    /// changes when an image is replaced by another of the same length. Equal for a copy of the files elsewhere; independent of
    /// times, owners and of <see cref="Location"/>. Computed at the first call, then kept.
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

    /// <summary>Decodes one image and says what it is.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is not in [0, N).</exception>
    /// <exception cref="DamagedImageException">The file is truncated, corrupt or no image.</exception>
    /// <exception cref="DdoqException">It cannot be read, or its contents and extension disagree.</exception>
    ImageFacts Examine(int index);

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

/// <summary>What an image file holds.</summary>
/// <param name="Size">The size as shown, after its EXIF orientation.</param>
/// <param name="Mode">Channels and depth, for example <c>grey</c>, <c>RGB with alpha</c>, <c>CMYK</c>, <c>RGB, 16 bits</c>.</param>
/// <param name="Orientation">EXIF orientation, 1 (upright) to 8.</param>
/// <param name="IsConstant">Every pixel has the same colour.</param>
/// <param name="LargestSample">The largest value of a file of 16 bits; 0 for one of 8 bits.</param>
public readonly record struct ImageFacts(ImageSize Size, string Mode, int Orientation, bool IsConstant, int LargestSample)
{
    internal const string Constant = "images of one colour throughout";

    internal const string NearlyBlack = "images of 16 bits that use at most 12 of them and become nearly black";
}

/// <summary>The size of an image in pixels.</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
public readonly record struct ImageSize(int Width, int Height)
{
    /// <summary>Width before height, for example <c>500x375</c>.</summary>
    public override string ToString() => $"{Width}x{Height}";
}
