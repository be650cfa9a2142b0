using System.Buffers;
using Ddoq.Storage;

namespace Ddoq.Imaging;

/// <summary>Decodes an image file by its contents.</summary>
internal static class ImageDecoder
{
    /// <summary>Decodes to 8-bit grey or RGB; see <see cref="PixelConversion"/> for what becomes of other pixels.</summary>
    /// <param name="content">The whole file.</param>
    /// <param name="path">Its name, for errors and for the check of its extension.</param>
    /// <param name="options">What to allow.</param>
    /// <exception cref="DamagedImageException">Truncated, corrupt or no image.</exception>
    /// <exception cref="DdoqException">Of a format that is not read, or not the one its extension says.</exception>
    public static DecodedImage Decode(byte[] content, string path, ImageDatasetOptions options) =>
        ImageSignature.Check(content, path, options) switch
        {
            // libvips reads BMP only through ImageMagick, which its packages leave out.
            ImageFormat.Bmp => BmpDecoder.Decode(content, path),
            ImageFormat format => VipsDecoder.Decode(content, format, path, options.AlphaBackground),
        };
}

/// <summary>What the header of an image file says.</summary>
/// <param name="Size">The size as shown, after EXIF orientation.</param>
/// <param name="IsGrey">One channel, with or without alpha.</param>
internal readonly record struct ImageHeader(ImageSize Size, bool IsGrey)
{
    /// <summary>Reads a file's header; of most formats only the first blocks are read.</summary>
    /// <exception cref="DamagedImageException">The header is damaged.</exception>
    /// <exception cref="DdoqException">The file cannot be read, is of a format that is not, or not what its extension says.</exception>
    public static ImageHeader Read(string path, ImageDatasetOptions options)
    {
        byte[] start = DataFile.ReadImageStart(path, BmpDecoder.LongestHeader);
        ImageFormat format = ImageSignature.Check(start, path, options);
        return format == ImageFormat.Bmp ? BmpDecoder.ReadHeader(start, path) : VipsDecoder.ReadHeader(path, format);
    }

    /// <summary>Reads the header of a whole image in memory.</summary>
    /// <inheritdoc cref="Read(string, ImageDatasetOptions)" path="/exception"/>
    public static ImageHeader Read(byte[] content, string path, ImageDatasetOptions options)
    {
        ImageFormat format = ImageSignature.Check(content, path, options);
        return format == ImageFormat.Bmp ? BmpDecoder.ReadHeader(content, path) : VipsDecoder.ReadHeader(content, path, format);
    }
}

/// <summary>A decoded image: 8 bits a sample, rows from the top, channels interleaved, one (grey) or three (RGB).</summary>
/// <remarks>The buffer is rented; it is valid until <see cref="Dispose"/>.</remarks>
internal sealed class DecodedImage : IDisposable
{
    /// <summary>
    /// The most pixels an image may have, 2^28. A few kilobytes of file can claim terabytes; nobody's training image is
    /// larger than this.
    /// </summary>
    public const long MaximumPixels = 1L << 28;

    private byte[]? _buffer;
    private readonly int _length;

    public DecodedImage(ImageSize size, int channels)
    {
        Size = size;
        Channels = channels;
        _length = size.Height * size.Width * channels;
        _buffer = ArrayPool<byte>.Shared.Rent(_length);
    }

    public ImageSize Size { get; }

    public int Channels { get; }

    /// <summary>Channels and depth of the file.</summary>
    public string Mode { get; init; } = "RGB";

    /// <summary>EXIF orientation of the file, which is upright here.</summary>
    public int Orientation { get; init; } = 1;

    /// <summary>The largest sample of a file of 16 bits, else 0.</summary>
    public int LargestSample { get; init; }

    /// <summary>What the file held.</summary>
    public ImageFacts Facts => new(Size, Mode, Orientation, !Samples.IsEmpty && Samples[Channels..].SequenceEqual(Samples[..^Channels]), LargestSample);

    /// <summary>The samples, [H, W, channels].</summary>
    public Span<byte> Samples => _buffer.AsSpan(0, _length);

    public PixelSource AsSource(string path) => new(Samples, Size, Channels, path);

    /// <exception cref="DamagedImageException">The header claims an impossible size.</exception>
    public static void CheckSize(long width, long height, string path)
    {
        if (width <= 0 || height <= 0 || width * height > MaximumPixels)
            throw new DamagedImageException(path, $"the header claims {width}x{height} pixels; 1 to {MaximumPixels} are allowed");
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _buffer, null) is { } buffer)
            ArrayPool<byte>.Shared.Return(buffer);
    }
}

/// <summary>What format a file is in, by its first bytes, and what its name says.</summary>
internal static class ImageSignature
{
    /// <summary>The first bytes of a file that <see cref="Detect"/> needs.</summary>
    public const int Length = 12;

    private static readonly (string Extension, ImageFormat Format)[] s_extensions =
    [
        (".png", ImageFormat.Png), (".jpg", ImageFormat.Jpeg), (".jpeg", ImageFormat.Jpeg), (".webp", ImageFormat.WebP),
        (".bmp", ImageFormat.Bmp), (".tif", ImageFormat.Tiff), (".tiff", ImageFormat.Tiff),
    ];

    /// <summary>The extensions that are read, for messages.</summary>
    public static string ExtensionList { get; } = string.Join(", ", s_extensions.Select(pair => pair.Extension));

    /// <summary>True when a file name ends as an image's; case does not matter.</summary>
    public static bool HasImageExtension(string fileName) => FormatOfExtension(fileName) != ImageFormat.Unknown;

    /// <summary>The format that a file's name promises.</summary>
    public static ImageFormat FormatOfExtension(string fileName)
    {
        ReadOnlySpan<char> extension = Path.GetExtension(fileName.AsSpan());
        foreach ((string known, ImageFormat format) in s_extensions)
        {
            if (extension.Equals(known, StringComparison.OrdinalIgnoreCase))
                return format;
        }

        return ImageFormat.Unknown;
    }

    /// <summary>The format that a file's first bytes show.</summary>
    public static ImageFormat Detect(ReadOnlySpan<byte> content) => content switch
    {
        [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => ImageFormat.Png,
        [0xFF, 0xD8, 0xFF, ..] => ImageFormat.Jpeg,
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => ImageFormat.WebP,
        [(byte)'B', (byte)'M', ..] => ImageFormat.Bmp,
        [(byte)'I', (byte)'I', 42 or 43, 0, ..] or [(byte)'M', (byte)'M', 0, 42 or 43, ..] => ImageFormat.Tiff,
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', ..] => ImageFormat.Gif,
        [0, 0, 0, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..] => ImageFormat.Heif,
        [0xFF, 0x0A, ..] or [0, 0, 0, 12, (byte)'J', (byte)'X', (byte)'L', (byte)' ', ..] => ImageFormat.JpegXl,
        _ => ImageFormat.Unknown,
    };

    /// <summary>Checks that a file is of a format that is read, and of the one that its name promises.</summary>
    /// <returns>The format of the contents.</returns>
    /// <exception cref="DamagedImageException">Empty, no image, or of a format that is not read.</exception>
    /// <exception cref="DdoqException">An image of another format than its extension says, and that is not allowed.</exception>
    public static ImageFormat Check(ReadOnlySpan<byte> content, string path, ImageDatasetOptions options)
    {
        if (content.IsEmpty)
            throw new DamagedImageException(path, "the file is empty");

        ImageFormat found = Detect(content), expected = FormatOfExtension(path);
        if (found == ImageFormat.Unknown)
        {
            GitPointer.Refuse(content, path);
            string start = Convert.ToHexStringLower(content[..Math.Min(content.Length, 8)]);
            throw new DamagedImageException(path, $"not a PNG, JPEG, WebP, BMP or TIFF image (starts with {start})");
        }

        if (found is ImageFormat.Gif or ImageFormat.Heif or ImageFormat.JpegXl)
            throw new DamagedImageException(path, $"a {NameOf(found)} image, which is not read; convert it to PNG or JPEG");
        if (found != expected && expected != ImageFormat.Unknown && !options.AllowMismatchedExtension)
        {
            throw new DdoqException(
                $"{path} is a {NameOf(found)} image, its extension says {NameOf(expected)}",
                "give the file the extension of its contents, or convert it");
        }

        return found;
    }

    private static string NameOf(ImageFormat format) => format switch
    {
        ImageFormat.Png => "PNG",
        ImageFormat.Jpeg => "JPEG",
        ImageFormat.WebP => "WebP",
        ImageFormat.Bmp => "BMP",
        ImageFormat.Tiff => "TIFF",
        ImageFormat.Gif => "GIF",
        ImageFormat.Heif => "HEIF or AVIF",
        ImageFormat.JpegXl => "JPEG XL",
        _ => "no image",
    };
}

/// <summary>An image file format.</summary>
internal enum ImageFormat
{
    /// <summary>None that is known.</summary>
    Unknown,
    Png,
    Jpeg,
    WebP,
    Bmp,
    Tiff,

    // Known so that an error can name them; not decoded.
    Gif,
    Heif,
    JpegXl,
}
