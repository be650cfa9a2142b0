using System.Buffers.Binary;
using System.Globalization;
using Parquet.Meta;

namespace Ddoq.Imaging;

/// <summary>Holds the lengths that a Parquet file claims against the file, before the package allocates what they say.</summary>
/// <remarks>
/// Footer and page headers are structures in Thrift's compact protocol. Every length of a text and every count of a list must fit into
/// what is left of the structure, every page into the file, and every page's unpacked size into its column's. Fields must have the types
/// that Parquet gives them (parquet.thrift of Apache Parquet): the package reads them by number alone, so that another type would be read as a length.
/// </remarks>
internal static class ParquetClaims
{
    private const int FooterEnd = 8; // the footer's length and the magic number
    private const int HeaderWindow = 1 << 12;
    private const short TypeField = 1, UnpackedField = 2, PackedField = 3; // of a page header

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
        new ThriftWalk(footer).Structure(Layout.Footer, []);
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

            // Pages of the second kind start with levels that are not packed.
            if (column.Codec == CompressionCodec.SNAPPY && (PageType)sizes[TypeField] is PageType.DATA_PAGE or PageType.DICTIONARY_PAGE && sizes[PackedField] > 0)
                CheckSnappy(file, at + header, sizes[PackedField], sizes[UnpackedField]);
            at += header + sizes[PackedField];
        }

        file.Position = position;
    }

    /// <summary>The byte of the file at which a column chunk starts: its dictionary where it has one.</summary>
    public static long Start(ColumnMetaData column) =>
        column.DictionaryPageOffset is { } dictionary and > 0 ? Math.Min(dictionary, column.DataPageOffset) : column.DataPageOffset;

    // Snappy's bytes start with the unpacked length, by which its reader allocates.
    private static void CheckSnappy(FileStream file, long at, long packed, long unpacked)
    {
        Span<byte> start = stackalloc byte[(int)Math.Min(5, packed)];
        file.Position = at;
        file.ReadExactly(start);
        if (new ThriftWalk(start).Unsigned() is var length && length != unpacked)
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"the page at byte {at} holds {length} bytes packed by Snappy and claims {unpacked}"));
    }

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
                return new ThriftWalk(window.AsSpan(0, length)).Structure(Layout.Page, sizes);
            }
            catch (InvalidDataException) when (length == window.Length && length < end - at)
            {
                window = new byte[(int)Math.Min(Array.MaxLength, window.Length * 16L)];
            }
        }
    }

    /// <summary>The types of a structure's fields, one letter each from field 1 on; structures and lists of them take the inner layouts in turn.</summary>
    private sealed class Layout(string fields, params Layout[] inner)
    {
        public const char Truth = 'b', Byte = 'y', Short = 'h', Number = 'i', Long = 'l', Real = 'd', Text = 's', Numbers = 'I', Longs = 'L', Texts = 'S', Structures = '[', Structure = '{';

        private static readonly Layout s_empty = new(""), s_pair = new("ss"), s_statistics = new("ssllssbb"), s_cipher = new("ssb");
        private static readonly Layout s_time = new("b{", new Layout("{{{", s_empty, s_empty, s_empty));

        // Text, map, list, enumeration, decimal, date, time, timestamp, a reserved one, integer, unknown, JSON, BSON, UUID, half, variant, geometry, geography.
        private static readonly Layout s_logical = new(
            "{{{{{{{{-{{{{{{{{{",
            s_empty, s_empty, s_empty, s_empty, new Layout("ii"), s_empty, s_time, s_time, new Layout("yb"), s_empty, s_empty, s_empty, s_empty, s_empty, new Layout("y"), new Layout("s"), new Layout("si"));

        private static readonly Layout s_column = new(
            "iISilll[lll{[li{{", s_pair, s_statistics, new Layout("iii"), new Layout("lLL"), new Layout("{I", new Layout("dddddddd")));

        private static readonly Layout s_chunk = new("sl{lili{s", s_column, new Layout("{{", s_empty, new Layout("Ss")));

        /// <summary>FileMetaData.</summary>
        public static readonly Layout Footer = new(
            "i[l[[s[{s", new Layout("iiisiiiii{", s_logical), new Layout("[ll[llh", s_chunk, new Layout("ibb")), s_pair, new Layout("{", s_empty), new Layout("{{", s_cipher, s_cipher));

        /// <summary>PageHeader.</summary>
        public static readonly Layout Page = new("iiii{{{{", new Layout("iiii{", s_statistics), s_empty, new Layout("iib"), new Layout("iiiiiib{", s_statistics));

        private readonly Layout?[] _inner = Inner(fields, inner);

        /// <summary>Type and inner layout of a field; nothing for one that is not known.</summary>
        public (char Kind, Layout? Inner) Field(long number) => number >= 1 && number <= fields.Length ? (fields[(int)number - 1], _inner[number - 1]) : default;

        private static Layout?[] Inner(string fields, Layout[] inner)
        {
            int next = 0;
            return [.. fields.Select(kind => kind is Structures or Structure ? inner[next++] : null)];
        }
    }

    /// <summary>Walks a structure in Thrift's compact protocol without keeping it.</summary>
    private ref struct ThriftWalk(ReadOnlySpan<byte> bytes)
    {
        private const int Deepest = 32;

        private readonly ReadOnlySpan<byte> _bytes = bytes;
        private int _at;

        /// <summary>Walks one structure.</summary>
        /// <param name="layout">The types of its fields.</param>
        /// <param name="numbers">Receives the whole numbers of the structure's own fields whose identifiers are below its length.</param>
        /// <returns>The structure's length in bytes.</returns>
        public int Structure(Layout layout, Span<long> numbers)
        {
            Structure(layout, numbers, 0);
            return _at;
        }

        /// <summary>A number of at most five bytes without a sign, as Snappy writes lengths too.</summary>
        public long Unsigned() => (long)Number(MostBytes(5));

        private void Structure(Layout? layout, Span<long> numbers, int depth)
        {
            if (depth > Deepest)
                throw new InvalidDataException("its structures are nested too deeply");
            for (long field = 0; ;)
            {
                int head = Byte(), type = head & 15;
                if (head == 0)
                    return;
                if (type == 0)
                    throw new InvalidDataException("a structure ends with a field's number");
                field = head >> 4 is var step && step > 0 ? field + step : ZigZag(4);
                (char kind, Layout? inner) = layout?.Field(field) ?? default;
                if (!IsOf(kind, type))
                    throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"field {field} of a structure has the type {type}"));
                if (type is 4 or 5 or 6)
                {
                    long number = ZigZag(type);
                    if (field >= 0 && field < numbers.Length)
                        numbers[(int)field] = number;
                }
                else if (type > 2) // 1 and 2 are true and false, told by the type alone
                {
                    Value(type, kind, inner, depth);
                }
            }
        }

        private static bool IsOf(char kind, int type) => kind switch
        {
            Layout.Truth => type is 1 or 2,
            Layout.Byte => type == 3,
            Layout.Short => type == 4,
            Layout.Number => type == 5,
            Layout.Long => type == 6,
            Layout.Real => type == 7,
            Layout.Text => type == 8,
            Layout.Numbers or Layout.Longs or Layout.Texts or Layout.Structures => type == 9,
            Layout.Structure => type == 12,
            _ => true, // not known to the package either, which skips it by its type
        };

        private void Value(int type, char kind, Layout? inner, int depth)
        {
            switch (type)
            {
                case 1 or 2 or 3: // as elements of a list, true and false take a byte
                    Skip(1);
                    break;
                case 4 or 5 or 6:
                    ZigZag(type);
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
                    char of = kind switch
                    {
                        Layout.Numbers => Layout.Number,
                        Layout.Longs => Layout.Long,
                        Layout.Texts => Layout.Text,
                        Layout.Structures => Layout.Structure,
                        _ => default,
                    };
                    if (count > 0 && !IsOf(of, head & 15))
                        throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"the elements of a list have the type {head & 15}"));
                    for (long i = 0; i < count; i++)
                        Value(head & 15, of, inner, depth + 1);
                    break;
                case 11:
                    long pairs = Count();
                    int types = pairs == 0 ? 0 : Byte();
                    for (long i = 0; i < pairs; i++)
                    {
                        Value(types >> 4, default, null, depth + 1);
                        Value(types & 15, default, null, depth + 1);
                    }

                    break;
                case 12:
                    Structure(inner, [], depth + 1);
                    break;
                case 13:
                    Skip(16);
                    break;
                default:
                    throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"its structures hold the unknown type {type}"));
            }
        }

        // Of bytes or of elements, which have at least one each.
        private long Count() => Fitting(Unsigned());

        private readonly long Fitting(long count) => count >= 0 && count <= _bytes.Length - _at
            ? count
            : throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"a length of {count} where {_bytes.Length - _at} bytes are left"));

        private void Skip(long count) => _at += (int)Fitting(count);

        private int Byte() => _at < _bytes.Length ? _bytes[_at++] : throw new InvalidDataException("a structure ends too early");

        private static int MostBytes(int type) => type switch { 4 => 3, 5 => 5, _ => 10 };

        private long ZigZag(int type)
        {
            ulong number = Number(MostBytes(type));
            return (long)(number >> 1) ^ -(long)(number & 1);
        }

        // The package stops at the most bytes that a type can have, and would take further ones for the next field.
        private ulong Number(int mostBytes)
        {
            ulong number = 0;
            for (int i = 0; i < mostBytes; i++)
            {
                int part = Byte();
                number |= (ulong)(part & 127) << (7 * i);
                if (part < 128)
                    return number;
            }

            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"a number has more than {mostBytes} bytes"));
        }
    }
}
