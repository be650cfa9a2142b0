using System.Buffers.Binary;
using System.Globalization;

namespace Ddoq.Evaluation.Report;

/// <summary>The size of a PNG image, read from its first chunk.</summary>
internal static class PngHeader
{
    private const int HeaderLength = 24;

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <param name="png">The file.</param>
    /// <param name="where">Names the image in the message of the exception.</param>
    /// <exception cref="DdoqException">The bytes are not a PNG file, or its size is 0.</exception>
    public static (int Width, int Height) ReadSize(ReadOnlySpan<byte> png, string where)
    {
        if (png.Length < HeaderLength || !png.StartsWith(Signature) || !png[12..16].SequenceEqual("IHDR"u8))
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"{where}: the {png.Length} bytes are not a PNG image; the report embeds PNG files."),
                "Run the synthesis of this class again, or leave its images out of the report.");
        }

        int width = BinaryPrimitives.ReadInt32BigEndian(png[16..]);
        int height = BinaryPrimitives.ReadInt32BigEndian(png[20..]);
        return width > 0 && height > 0
            ? (width, height)
            : throw new DdoqException(string.Create(CultureInfo.InvariantCulture, $"{where}: a PNG image of {width}x{height} pixels has no content."));
    }
}
