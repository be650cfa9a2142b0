using System.Buffers;

namespace Ddoq.Imaging;

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
