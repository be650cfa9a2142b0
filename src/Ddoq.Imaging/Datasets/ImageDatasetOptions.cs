namespace Ddoq.Imaging;

/// <summary>How a dataset is opened and its images are decoded.</summary>
public sealed record ImageDatasetOptions
{
    /// <summary>The defaults.</summary>
    public static ImageDatasetOptions Default { get; } = new();

    /// <summary>
    /// Decode a file by its contents when its extension names another format (a JPEG called <c>.png</c>). Off by default:
    /// such a file often means a broken download or conversion. Always on where the classes are WordNet numbers and in archives:
    /// ImageNet-1K itself has such a file, and a member of an archive cannot be renamed.
    /// </summary>
    public bool AllowMismatchedExtension { get; init; }

    /// <summary>
    /// The grey level (0 to 255) behind transparent pixels, white by default. Pillow's <c>convert("RGB")</c>, and with it
    /// torchvision's loader, drops alpha instead and shows whatever colour lies under the transparency.
    /// </summary>
    public byte AlphaBackground { get; init; } = 255;

    /// <summary>The classes to take; null takes all.</summary>
    public ClassSubset? Classes { get; init; }

    /// <summary>
    /// Class names in the label order to use, for example those of the model. The dataset's classes must be the same names,
    /// in any order; labels then follow this list. Null keeps the dataset's own order.
    /// </summary>
    public IReadOnlyList<string>? ClassNames { get; init; }
}
