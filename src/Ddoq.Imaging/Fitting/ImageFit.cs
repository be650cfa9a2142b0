using System.Buffers;

namespace Ddoq.Imaging;

/// <summary>The size every image gets, and how. Images that have the size already pass unchanged in every mode.</summary>
/// <param name="Height">Target rows.</param>
/// <param name="Width">Target pixels in a row.</param>
/// <param name="Mode">How the size is reached.</param>
/// <param name="Interpolation">The filter of <see cref="FitMode.Resize"/> and <see cref="FitMode.CropCentre"/>.</param>
/// <param name="PadValue">The grey level of the border of <see cref="FitMode.Pad"/>.</param>
/// <remarks>
/// Resizing is that of Pillow 3.4 and later to the bit, on every machine: two passes with weights of 22 fractional bits,
/// rounded to bytes between them. Latents of images prepared here and by a Python pipeline differ by nothing in this step.
/// </remarks>
public sealed record ImageFit(
    int Height,
    int Width,
    FitMode Mode = FitMode.CropCentre,
    ImageInterpolation Interpolation = ImageInterpolation.Bicubic,
    byte PadValue = 0)
{
    private static readonly (string Name, FitMode Mode)[] s_modes =
        [("pad", FitMode.Pad), ("resize", FitMode.Resize), ("crop-centre", FitMode.CropCentre)];

    private static readonly (string Name, ImageInterpolation Interpolation)[] s_interpolations =
    [
        ("nearest", ImageInterpolation.Nearest), ("bilinear", ImageInterpolation.Bilinear),
        ("bicubic", ImageInterpolation.Bicubic), ("lanczos", ImageInterpolation.Lanczos),
    ];

    /// <summary>Target rows.</summary>
    public int Height { get; init; } = Positive(Height);

    /// <summary>Target pixels in a row.</summary>
    public int Width { get; init; } = Positive(Width);

    /// <summary>The name of <see cref="Mode"/>: <c>pad</c>, <c>resize</c> or <c>crop-centre</c>.</summary>
    public string ModeName => Array.Find(s_modes, pair => pair.Mode == Mode).Name;

    /// <summary>The name of <see cref="Interpolation"/>: <c>nearest</c>, <c>bilinear</c>, <c>bicubic</c> or <c>lanczos</c>.</summary>
    public string InterpolationName => Array.Find(s_interpolations, pair => pair.Interpolation == Interpolation).Name;

    /// <summary>For records and messages, for example <c>crop-centre 224x224 bicubic</c> or <c>pad 32x32 with 0</c>.</summary>
    public override string ToString() =>
        $"{ModeName} {Width}x{Height} " + (Mode == FitMode.Pad ? $"with {PadValue}" : InterpolationName);

    private static int Positive(int length) => length > 0
        ? length
        : throw new UsageException($"an image size of {length} is not possible", "give 1 or more pixels");
}

/// <summary>How an image gets the target size.</summary>
public enum FitMode
{
    /// <summary>Centred on a border of one grey level; only for images of one size, not larger than the target.</summary>
    Pad,

    /// <summary>Resized to the target; the aspect ratio is not kept.</summary>
    Resize,

    /// <summary>
    /// Resized, keeping the aspect ratio, until it covers the target, then cropped around the centre. For a square target this is
    /// torchvision's <c>Resize(size)</c> followed by <c>CenterCrop(size)</c>.
    /// </summary>
    CropCentre,
}

/// <summary>The filter of a resize. All but <see cref="Nearest"/> widen when shrinking, so they do not alias.</summary>
public enum ImageInterpolation
{
    /// <summary>The pixel whose centre is nearest.</summary>
    Nearest,

    /// <summary>Triangle, 2 pixels wide at scale 1.</summary>
    Bilinear,

    /// <summary>Keys' cubic with a = -0.5, 4 pixels wide at scale 1.</summary>
    Bicubic,

    /// <summary>Lanczos with three lobes, 6 pixels wide at scale 1.</summary>
    Lanczos,
}

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
