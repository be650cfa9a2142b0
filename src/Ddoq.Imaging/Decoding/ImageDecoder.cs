using System.Buffers;

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
