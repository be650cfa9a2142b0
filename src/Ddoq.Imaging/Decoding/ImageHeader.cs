namespace Ddoq.Imaging;

/// <summary>What the header of an image file says.</summary>
/// <param name="Size">The size as shown, after EXIF orientation.</param>
/// <param name="IsGrey">One channel, with or without alpha.</param>
internal readonly record struct ImageHeader(ImageSize Size, bool IsGrey)
{
    /// <summary>Reads a file's header; of most formats only the first blocks are read.</summary>
    /// <exception cref="DamagedImageException">The header is damaged.</exception>
    /// <exception cref="DdoqException">The file cannot be read, is of a format that is not, or not what its extension says.</exception>
    public static ImageHeader Read(string path, ImageDatasetOptions options)
    {
        byte[] start = DataFile.Guard(path, 0, static (_, path) =>
        {
            using FileStream stream = File.OpenRead(path);
            byte[] start = new byte[BmpDecoder.LongestHeader];
            int length = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            return start[..length];
        });
        ImageFormat format = ImageSignature.Check(start, path, options);
        return format == ImageFormat.Bmp ? BmpDecoder.ReadHeader(start, path) : VipsDecoder.ReadHeader(path, format);
    }

    /// <summary>Reads the header of a whole image in memory.</summary>
    /// <inheritdoc cref="Read(string, ImageDatasetOptions)" path="/exception"/>
    public static ImageHeader Read(byte[] content, string path, ImageDatasetOptions options)
    {
        ImageFormat format = ImageSignature.Check(content, path, options);
        return format == ImageFormat.Bmp ? BmpDecoder.ReadHeader(content, path) : VipsDecoder.ReadHeader(content, path, format);
    }
}
