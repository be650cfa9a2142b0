namespace Ddoq.Imaging;

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
