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
