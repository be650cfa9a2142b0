using System.Buffers.Binary;
using System.Globalization;
using Parquet.Meta;

namespace Ddoq.Imaging;

/// <summary>Holds the lengths that a Parquet file claims against the file, before the package allocates what they say.</summary>
/// <remarks>
/// Footer and page headers are structures in Thrift's compact protocol. Every length of a text and every count of a list must fit into
/// what is left of the structure, every page into the file, and every page's unpacked size into its column's.
/// </remarks>
internal static class ParquetClaims
{
    private const int FooterEnd = 8; // the footer's length and the magic number
    private const int HeaderWindow = 1 << 12;
    private const short UnpackedField = 2, PackedField = 3; // of a page header

    /// <summary>Checks the footer.</summary>
    /// <exception cref="InvalidDataException">It is longer than the file, or holds a length that does not fit into it.</exception>
    public static void CheckFooter(FileStream file)
    {
        if (file.Length < FooterEnd)
            throw new InvalidDataException("it is shorter than a footer");
        Span<byte> end = stackalloc byte[FooterEnd];
        file.Position = file.Length - FooterEnd;
        file.ReadExactly(end);
        int length = BinaryPrimitives.ReadInt32LittleEndian(end);
        if (length < 0 || length > file.Length - FooterEnd)
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"its footer claims {length} bytes of a file of {file.Length}"));
        if (!end[4..].SequenceEqual("PAR1"u8))
            return; // the package says what it is
        byte[] footer = new byte[length];
        file.Position = file.Length - FooterEnd - length;
        file.ReadExactly(footer);
        new ThriftWalk(footer).Structure([]);
        file.Position = 0;
    }

    /// <summary>Checks where a column chunk claims to lie and the headers of its pages.</summary>
    /// <exception cref="InvalidDataException">A claim does not fit the file, the row group or another one.</exception>
    public static void CheckChunk(FileStream file, ColumnMetaData column, long rows)
    {
        long at = Start(column), end = at + column.TotalCompressedSize;
        if (at < 0 || column.TotalCompressedSize < 0 || end > file.Length)
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"a column of {column.TotalCompressedSize} bytes at byte {at} does not fit a file of {file.Length}"));
        if (rows < 0 || rows > file.Length)
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"a row group of {rows} rows does not fit a file of {file.Length} bytes"));
        long position = file.Position;
        byte[] window = new byte[HeaderWindow];
        Span<long> sizes = stackalloc long[PackedField + 1];
        while (at < end)
        {
            sizes.Fill(-1);
            int header = ReadHeader(file, at, end, ref window, sizes);
            if (sizes[PackedField] < 0 || sizes[PackedField] > file.Length - at - header || sizes[UnpackedField] < 0 || sizes[UnpackedField] > column.TotalUncompressedSize)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                    $"the page at byte {at} claims {sizes[PackedField]} bytes, {sizes[UnpackedField]} unpacked, in a column of {column.TotalCompressedSize} and {column.TotalUncompressedSize}"));
            }

            at += header + sizes[PackedField];
        }

        file.Position = position;
    }

    /// <summary>The byte of the file at which a column chunk starts: its dictionary where it has one.</summary>
    public static long Start(ColumnMetaData column) =>
        column.DictionaryPageOffset is { } dictionary and > 0 ? Math.Min(dictionary, column.DataPageOffset) : column.DataPageOffset;

    // A header is a few dozen bytes long, unless it holds the least and the greatest value of a page of large ones.
    private static int ReadHeader(FileStream file, long at, long end, ref byte[] window, Span<long> sizes)
    {
        while (true)
        {
            file.Position = at;
            int length = (int)Math.Min(window.Length, end - at);
            file.ReadExactly(window, 0, length);
            try
            {
                return new ThriftWalk(window.AsSpan(0, length)).Structure(sizes);
            }
            catch (InvalidDataException) when (length == window.Length && length < end - at)
            {
                window = new byte[(int)Math.Min(Array.MaxLength, window.Length * 16L)];
            }
        }
    }

    /// <summary>Walks a structure in Thrift's compact protocol without keeping it.</summary>
    private ref struct ThriftWalk(ReadOnlySpan<byte> bytes)
    {
        private const int Deepest = 32;

        private readonly ReadOnlySpan<byte> _bytes = bytes;
        private int _at;

        /// <summary>Walks one structure.</summary>
        /// <param name="numbers">Receives the whole numbers of the structure's own fields whose identifiers are below its length.</param>
        /// <returns>The structure's length in bytes.</returns>
        public int Structure(Span<long> numbers)
        {
            Structure(numbers, 0);
            return _at;
        }

        private void Structure(Span<long> numbers, int depth)
        {
            if (depth > Deepest)
                throw new InvalidDataException("its structures are nested too deeply");
            for (long field = 0; ;)
            {
                int head = Byte(), type = head & 15;
                if (type == 0)
                    return;
                field = head >> 4 is var step && step > 0 ? field + step : ZigZag();
                if (type is 4 or 5 or 6)
                {
                    long number = ZigZag();
                    if (field >= 0 && field < numbers.Length)
                        numbers[(int)field] = number;
                }
                else if (type > 2) // 1 and 2 are true and false, told by the type alone
                {
                    Value(type, depth);
                }
            }
        }

        private void Value(int type, int depth)
        {
            switch (type)
            {
                case 1 or 2 or 3: // as elements of a list, true and false take a byte
                    Skip(1);
                    break;
                case 4 or 5 or 6:
                    ZigZag();
                    break;
                case 7:
                    Skip(8);
                    break;
                case 8:
                    Skip(Count());
                    break;
                case 9 or 10:
                    int head = Byte();
                    long count = head >> 4 == 15 ? Count() : Fitting(head >> 4);
                    for (long i = 0; i < count; i++)
                        Value(head & 15, depth + 1);
                    break;
                case 11:
                    long pairs = Count();
                    int types = pairs == 0 ? 0 : Byte();
                    for (long i = 0; i < pairs; i++)
                    {
                        Value(types >> 4, depth + 1);
                        Value(types & 15, depth + 1);
                    }

                    break;
                case 12:
                    Structure([], depth + 1);
                    break;
                case 13:
                    Skip(16);
                    break;
                default:
                    throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"its structures hold the unknown type {type}"));
            }
        }

        // Of bytes or of elements, which have at least one each.
        private long Count() => Fitting((long)Number());

        private readonly long Fitting(long count) => count >= 0 && count <= _bytes.Length - _at
            ? count
            : throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"a length of {count} where {_bytes.Length - _at} bytes are left"));

        private void Skip(long count) => _at += (int)Fitting(count);

        private int Byte() => _at < _bytes.Length ? _bytes[_at++] : throw new InvalidDataException("a structure ends too early");

        private long ZigZag()
        {
            ulong number = Number();
            return (long)(number >> 1) ^ -(long)(number & 1);
        }

        private ulong Number()
        {
            ulong number = 0;
            for (int shift = 0; shift < 70; shift += 7)
            {
                int part = Byte();
                number |= (ulong)(part & 127) << shift;
                if (part < 128)
                    return number;
            }

            throw new InvalidDataException("a number has more than 64 bits");
        }
    }
}
