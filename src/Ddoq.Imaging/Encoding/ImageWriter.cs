using NetVips;
using VipsImage = NetVips.Image;

namespace Ddoq.Imaging;

/// <summary>Makes 8-bit PNG files.</summary>
/// <remarks>
/// Lossless, without metadata. The same pixels give the same bytes in every run and on any number of threads with the same
/// libvips; another version or processor may compress differently, so compare pixels across machines, not files.
/// </remarks>
public static class ImageWriter
{
    private const int Compression = 6;

    /// <summary>Encodes a planar image.</summary>
    /// <param name="planar">[channels, height, width].</param>
    /// <param name="channels">1 (grey) or 3 (RGB).</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <returns>A PNG file.</returns>
    /// <exception cref="ArgumentOutOfRangeException">Other than 1 or 3 channels, or an empty image.</exception>
    /// <exception cref="ArgumentException"><paramref name="planar"/> does not have channels x height x width bytes.</exception>
    /// <exception cref="DdoqException">libvips is missing or fails.</exception>
    public static byte[] EncodePng(ReadOnlySpan<byte> planar, int channels, int height, int width)
    {
        if (channels is not (1 or 3))
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "1 or 3 channels can be written");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (planar.Length != (long)channels * height * width)
            throw new ArgumentException($"{planar.Length} bytes are not {channels} x {height} x {width}", nameof(planar));

        byte[] interleaved = new byte[planar.Length];
        if (channels == 1)
            planar.CopyTo(interleaved);
        else
            PlanarRgb.ToInterleaved(planar, interleaved);
        VipsLibrary.EnsureLoaded();
        try
        {
            using VipsImage image = VipsImage.NewFromMemory(interleaved, width, height, channels, Enums.BandFormat.Uchar);
            return image.PngsaveBuffer(compression: Compression, filter: Enums.ForeignPngFilter.All, keep: Enums.ForeignKeep.None);
        }
        catch (VipsException e)
        {
            throw new DdoqException($"libvips cannot encode a {width}x{height} PNG: {e.Message.Trim()}", innerException: e);
        }
    }

    /// <summary>Whether a file is there and ends as every PNG does, with an empty IEND chunk: its writer was not cut short.</summary>
    public static bool IsWholePng(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ReadOnlySpan<byte> end = [0, 0, 0, 0, (byte)'I', (byte)'E', (byte)'N', (byte)'D', 0xae, 0x42, 0x60, 0x82];
        try
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle file = File.OpenHandle(path);
            Span<byte> tail = stackalloc byte[end.Length];
            long offset = RandomAccess.GetLength(file) - tail.Length;
            return offset > 0 && RandomAccess.Read(file, tail, offset) == tail.Length && tail.SequenceEqual(end);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
