namespace Ddoq.Imaging;

/// <summary>Decodes an image file by its contents.</summary>
internal static class ImageDecoder
{
    /// <summary>Decodes to 8-bit grey or RGB; see <see cref="PixelConversion"/> for what becomes of other pixels.</summary>
    /// <param name="content">The whole file.</param>
    /// <param name="path">Its name, for errors and for the check of its extension.</param>
    /// <param name="options">What to allow.</param>
    /// <exception cref="DamagedImageException">Truncated, corrupt or no image.</exception>
    /// <exception cref="DdoqException">Of a format that is not read, or not the one its extension says.</exception>
    public static DecodedImage Decode(byte[] content, string path, ImageDatasetOptions options) =>
        ImageSignature.Check(content, path, options) switch
        {
            // libvips reads BMP only through ImageMagick, which its packages leave out.
            ImageFormat.Bmp => BmpDecoder.Decode(content, path),
            ImageFormat format => VipsDecoder.Decode(content, format, path, options.AlphaBackground),
        };
}
