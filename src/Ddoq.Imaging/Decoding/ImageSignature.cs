using Ddoq.Storage;

namespace Ddoq.Imaging;

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
