using System.Buffers.Binary;
using System.Numerics;

namespace Ddoq.Imaging;

/// <summary>Decodes uncompressed Windows bitmaps: 1, 4, 8 (palette), 16, 24 and 32 bits a pixel.</summary>
/// <remarks>
/// Layout: a 14-byte file header; an information header of 40 bytes or more; colour masks or a palette; rows from the
/// bottom (or the top when the height is negative), each filled up to four bytes. The alpha of 32-bit files is ignored:
/// writers disagree on whether it means anything. Source: Microsoft's description of BITMAPINFOHEADER.
/// </remarks>
internal static class BmpDecoder
{
    /// <summary>File header, the longest information header (124), and a palette of 256 colours.</summary>
    public const int LongestHeader = 14 + 124 + 4 * 256;

    private const int Uncompressed = 0, BitFields = 3, AlphaBitFields = 6;

    /// <summary>One colour of a pixel of 16 or 32 bits: which bits, and how many.</summary>
    private readonly record struct Field(uint Mask)
    {
        public byte Of(uint pixel)
        {
            if (Mask == 0)
                return 0;
            ulong largest = Mask >> BitOperations.TrailingZeroCount(Mask);
            ulong value = (pixel & Mask) >> BitOperations.TrailingZeroCount(Mask);
            return (byte)(value * 255 / largest);
        }
    }

    private ref struct Layout
    {
        public ImageSize Size;
        public int BitsPerPixel;
        public bool FromTop;
        public int PixelOffset;
        public ReadOnlySpan<byte> Palette; // blue, green, red, unused
        public Field Red, Green, Blue;

        public readonly bool HasPalette => BitsPerPixel <= 8;

        public readonly long RowBytes => ((long)Size.Width * BitsPerPixel + 31) / 32 * 4;

        public readonly bool IsGrey
        {
            get
            {
                for (int i = 0; i + 4 <= Palette.Length; i += 4)
                {
                    if (Palette[i] != Palette[i + 1] || Palette[i] != Palette[i + 2])
                        return false;
                }

                return HasPalette;
            }
        }
    }

    /// <summary>Reads the header from the first bytes of a file.</summary>
    /// <exception cref="DamagedImageException">Truncated or contradictory.</exception>
    /// <exception cref="DdoqException">Compressed, or of a kind that is not read.</exception>
    public static ImageHeader ReadHeader(ReadOnlySpan<byte> content, string path)
    {
        Layout layout = Parse(content, path);
        return new ImageHeader(layout.Size, layout.IsGrey);
    }

    /// <summary>Decodes a whole file.</summary>
    /// <exception cref="DamagedImageException">Truncated or contradictory.</exception>
    /// <exception cref="DdoqException">Compressed, or of a kind that is not read.</exception>
    public static DecodedImage Decode(ReadOnlySpan<byte> content, string path)
    {
        Layout layout = Parse(content, path);
        long end = layout.PixelOffset + layout.RowBytes * layout.Size.Height;
        if (end > content.Length)
            throw new DamagedImageException(path, $"the bitmap is truncated: {end} bytes are needed, the file has {content.Length}");

        int channels = layout.IsGrey ? 1 : 3;
        var image = new DecodedImage(layout.Size, channels) { Mode = channels == 1 ? "grey" : "RGB" };
        int rowBytes = (int)layout.RowBytes;
        for (int y = 0; y < layout.Size.Height; y++)
        {
            int stored = layout.FromTop ? y : layout.Size.Height - 1 - y;
            ReadOnlySpan<byte> row = content.Slice(layout.PixelOffset + stored * rowBytes, rowBytes);
            DecodeRow(row, layout, channels, image.Samples.Slice(y * layout.Size.Width * channels, layout.Size.Width * channels));
        }

        return image;
    }

    private static void DecodeRow(ReadOnlySpan<byte> row, in Layout layout, int channels, Span<byte> target)
    {
        int bits = layout.BitsPerPixel;
        for (int x = 0; x < layout.Size.Width; x++)
        {
            Span<byte> pixel = target.Slice(x * channels, channels);
            if (layout.HasPalette)
            {
                int bit = x * bits;
                int index = (row[bit >> 3] >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
                // An index past the palette's end is black, as in other readers.
                for (int channel = 0; channel < channels; channel++)
                    pixel[channel] = 4 * index + 4 <= layout.Palette.Length ? layout.Palette[4 * index + 2 - channel] : (byte)0;
            }
            else if (bits == 24)
            {
                (pixel[0], pixel[1], pixel[2]) = (row[3 * x + 2], row[3 * x + 1], row[3 * x]);
            }
            else
            {
                uint value = bits == 16 ? BinaryPrimitives.ReadUInt16LittleEndian(row[(2 * x)..]) : BinaryPrimitives.ReadUInt32LittleEndian(row[(4 * x)..]);
                (pixel[0], pixel[1], pixel[2]) = (layout.Red.Of(value), layout.Green.Of(value), layout.Blue.Of(value));
            }
        }
    }

    private static Layout Parse(ReadOnlySpan<byte> content, string path)
    {
        const int FileHeader = 14, SmallestInformation = 40, LargestInformation = 124;
        if (content.Length < FileHeader + SmallestInformation)
            throw new DamagedImageException(path, "the bitmap's header is truncated");
        ReadOnlySpan<byte> information = content[FileHeader..];
        int informationSize = BinaryPrimitives.ReadInt32LittleEndian(information);
        int width = BinaryPrimitives.ReadInt32LittleEndian(information[4..]);
        int height = BinaryPrimitives.ReadInt32LittleEndian(information[8..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(information[14..]);
        int compression = BinaryPrimitives.ReadInt32LittleEndian(information[16..]);
        uint colours = BinaryPrimitives.ReadUInt32LittleEndian(information[32..]);
        DecodedImage.CheckSize(width, Math.Abs((long)height), path);

        bool masked = compression is BitFields or AlphaBitFields;
        if (informationSize is < SmallestInformation or > LargestInformation || bits is not (1 or 4 or 8 or 16 or 24 or 32)
            || (compression != Uncompressed && !(masked && bits is 16 or 32)))
        {
            throw new DdoqException(
                $"{path}: a bitmap of {bits} bits a pixel with compression {compression} and a header of {informationSize} bytes is not read",
                "convert the file to PNG");
        }

        var layout = new Layout
        {
            Size = new ImageSize(width, Math.Abs(height)),
            BitsPerPixel = bits,
            FromTop = height < 0,
            PixelOffset = BinaryPrimitives.ReadInt32LittleEndian(content[10..]),
            Red = new Field(bits == 16 ? 0x7C00u : 0xFF0000),
            Green = new Field(bits == 16 ? 0x03E0u : 0x00FF00),
            Blue = new Field(bits == 16 ? 0x001Fu : 0x0000FF),
        };
        if (masked)
        {
            // Behind the smallest header or, at the same place, part of a longer one.
            if (content.Length < FileHeader + SmallestInformation + 12)
                throw new DamagedImageException(path, "the bitmap's colour masks are truncated");
            ReadOnlySpan<byte> masks = information[SmallestInformation..];
            layout.Red = new Field(BinaryPrimitives.ReadUInt32LittleEndian(masks));
            layout.Green = new Field(BinaryPrimitives.ReadUInt32LittleEndian(masks[4..]));
            layout.Blue = new Field(BinaryPrimitives.ReadUInt32LittleEndian(masks[8..]));
        }

        int headers = FileHeader + informationSize;
        if (layout.PixelOffset < FileHeader + SmallestInformation)
            throw new DamagedImageException(path, $"the bitmap's pixels cannot start at byte {layout.PixelOffset}");
        if (layout.HasPalette)
        {
            int entries = colours == 0 ? 1 << bits : (int)Math.Min(colours, 1u << bits);
            if (headers > content.Length - 4 * entries)
                throw new DamagedImageException(path, "the bitmap's palette is truncated");
            layout.Palette = content.Slice(headers, 4 * entries);
        }

        return layout;
    }
}
