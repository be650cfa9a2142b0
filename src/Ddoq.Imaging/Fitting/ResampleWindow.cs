namespace Ddoq.Imaging;

/// <summary>A resize of which only a rectangle is wanted.</summary>
/// <param name="Resized">The size of the whole resized image.</param>
/// <param name="Left">First wanted column of it.</param>
/// <param name="Top">First wanted row of it.</param>
/// <param name="Wanted">The size of the rectangle.</param>
internal readonly record struct ResampleWindow(ImageSize Resized, int Left, int Top, ImageSize Wanted)
{
    /// <summary>The resize that a fit asks for.</summary>
    public static ResampleWindow Of(ImageFit fit, ImageSize source)
    {
        var target = new ImageSize(fit.Width, fit.Height);
        if (fit.Mode == FitMode.Resize)
            return new ResampleWindow(target, 0, 0, target);

        // The side that needs the larger scale meets the target exactly. The other one is truncated as in torchvision, but
        // never below the target.
        ImageSize resized = (long)target.Width * source.Height >= (long)target.Height * source.Width
            ? new(target.Width, Math.Max(target.Height, (int)((long)source.Height * target.Width / source.Width)))
            : new(Math.Max(target.Width, (int)((long)source.Width * target.Height / source.Height)), target.Height);
        return new ResampleWindow(resized, HalfToEven(resized.Width - target.Width), HalfToEven(resized.Height - target.Height), target);
    }

    // torchvision's CenterCrop rounds the offset as Python does, half to even.
    private static int HalfToEven(int margin) => (int)Math.Round(margin / 2.0, MidpointRounding.ToEven);
}
