namespace Ddoq.Imaging;

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
