using System.Buffers;

namespace Ddoq.Imaging;

/// <summary>Brings decoded images to a target size.</summary>
internal static class ImageFitter
{
    /// <summary>Fits an interleaved image and writes it as planar RGB, [3, fit.Height, fit.Width].</summary>
    public static void Fit(PixelSource source, ImageFit fit, Span<byte> planar)
    {
        int plane = fit.Height * fit.Width;
        RequireLength(planar.Length, 3 * plane, nameof(planar));
        if (source.Channels == 1)
        {
            FitGrey(source, fit, planar[..plane]);
            planar[..plane].CopyTo(planar[plane..]);
            planar[..plane].CopyTo(planar[(2 * plane)..]);
            return;
        }

        if (source.Size.Width == fit.Width && source.Size.Height == fit.Height)
        {
            PlanarRgb.FromInterleaved(source.Samples, planar[..(3 * plane)]);
            return;
        }

        byte[] fitted = ArrayPool<byte>.Shared.Rent(3 * plane);
        try
        {
            FitInterleaved(source, fit, fitted.AsSpan(0, 3 * plane));
            PlanarRgb.FromInterleaved(fitted.AsSpan(0, 3 * plane), planar[..(3 * plane)]);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(fitted);
        }
    }

    private static void FitGrey(PixelSource source, ImageFit fit, Span<byte> target)
    {
        if (source.Size.Width == fit.Width && source.Size.Height == fit.Height)
            source.Samples.CopyTo(target);
        else
            FitInterleaved(source, fit, target);
    }

    private static void FitInterleaved(PixelSource source, ImageFit fit, Span<byte> target)
    {
        if (fit.Mode == FitMode.Pad)
            Pad(source, fit, target);
        else
            Resampler.Resize(source.Samples, source.Size, source.Channels, ResampleWindow.Of(fit, source.Size), fit.Interpolation, target);
    }

    // An odd margin leaves the larger part at the right and the bottom.
    private static void Pad(PixelSource source, ImageFit fit, Span<byte> target)
    {
        ImageSize size = source.Size;
        if (size.Width > fit.Width || size.Height > fit.Height)
        {
            throw new DdoqException(
                $"{source.Path} is {size}, larger than the {fit.Width}x{fit.Height} it should be padded to",
                "use --fit resize or --fit crop");
        }

        int left = (fit.Width - size.Width) / 2, top = (fit.Height - size.Height) / 2;
        int row = size.Width * source.Channels, stride = fit.Width * source.Channels;
        target.Fill(fit.PadValue);
        for (int y = 0; y < size.Height; y++)
            source.Samples.Slice(y * row, row).CopyTo(target[((top + y) * stride + left * source.Channels)..]);
    }

    private static void RequireLength(int length, int required, string parameter)
    {
        if (length < required)
            throw new ArgumentException($"{length} bytes are too few, {required} are needed", parameter);
    }
}

/// <summary>A view of a decoded image with the name to use in errors.</summary>
/// <param name="samples">[H, W, channels], 8 bits.</param>
/// <param name="size">Its size.</param>
/// <param name="channels">1 (grey) or 3 (RGB).</param>
/// <param name="path">Where it came from.</param>
internal readonly ref struct PixelSource(ReadOnlySpan<byte> samples, ImageSize size, int channels, string path)
{
    public ReadOnlySpan<byte> Samples { get; } = samples;

    public ImageSize Size { get; } = size;

    public int Channels { get; } = channels;

    public string Path { get; } = path;
}
