using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Ddoq.Imaging;

/// <summary>Reads numbers, texts and struct arrays from a MATLAB file of version 5 (also 6 and 7, which compresses).</summary>
/// <remarks>
/// Layout: a header of 128 bytes, then elements. An element has a tag (type and length, 32 bits each) and data filled up to 8
/// bytes, or both in 8 bytes when the data is four bytes or less. Type 15 is a zlib stream of one element; type 14 is an array:
/// flags, dimensions, name, and what its class holds. Numbers may be stored in a smaller type than they have. Source: MathWorks,
/// MAT-File Format. Cells, objects, sparse and complex arrays are passed over as arrays without content.
/// </remarks>
internal static class MatFile
{
    private const int HeaderBytes = 128;

    // An element's contents, decompressed; the file this is for has 2 MB.
    private const int LargestElement = 1 << 28;

    private enum Element
    {
        Int8 = 1,
        UInt8 = 2,
        Int16 = 3,
        UInt16 = 4,
        Int32 = 5,
        UInt32 = 6,
        Single = 7,
        Double = 9,
        Int64 = 12,
        UInt64 = 13,
        Matrix = 14,
        Compressed = 15,
        Utf8 = 16,
        Utf16 = 17,
        Utf32 = 18,
    }

    private const int StructClass = 2, CharClass = 4, FirstNumericClass = 6, LastNumericClass = 15;

    /// <summary>Reads the variables of a file.</summary>
    /// <exception cref="DdoqException">Not such a file, truncated or damaged.</exception>
    public static IReadOnlyList<MatArray> Read(string path)
    {
        byte[] content = DataFile.ReadAllBytes(path);
        if (content.Length < HeaderBytes || content[126] != (byte)'I' || content[127] != (byte)'M' || content[125] != 1)
            throw Broken(path, "it does not start as a little-endian MATLAB file of version 5");
        try
        {
            var variables = new List<MatArray>();
            ReadOnlySpan<byte> rest = content.AsSpan(HeaderBytes);
            while (!rest.IsEmpty)
            {
                Element type = Take(ref rest, out ReadOnlySpan<byte> data);
                if (type == Element.Matrix)
                    variables.Add(ReadMatrix(data));
                else if (type == Element.Compressed)
                    AddCompressed(data, path, variables);
            }

            return variables;
        }
        catch (Exception e) when (e is ArgumentException or InvalidDataException or OverflowException or IndexOutOfRangeException)
        {
            throw Broken(path, "it is truncated or damaged", e);
        }
    }

    private static void AddCompressed(ReadOnlySpan<byte> data, string path, List<MatArray> variables)
    {
        ReadOnlySpan<byte> rest = Inflate(data, path);
        if (Take(ref rest, out ReadOnlySpan<byte> element) == Element.Matrix)
            variables.Add(ReadMatrix(element));
    }

    private static byte[] Inflate(ReadOnlySpan<byte> data, string path)
    {
        using var zlib = new ZLibStream(new MemoryStream(data.ToArray()), CompressionMode.Decompress);
        using var inflated = new MemoryStream();
        byte[] block = new byte[1 << 16];
        int got;
        while ((got = zlib.Read(block)) > 0)
        {
            inflated.Write(block, 0, got);
            if (inflated.Length > LargestElement)
                throw Broken(path, $"an element has more than {LargestElement} bytes");
        }

        return inflated.ToArray();
    }

    private static Element Take(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> data)
    {
        uint tag = BinaryPrimitives.ReadUInt32LittleEndian(rest);
        if (tag >> 16 != 0)
        {
            data = rest.Slice(4, (int)(tag >> 16));
            rest = rest[8..];
            return (Element)(tag & 0xFFFF);
        }

        int length = BinaryPrimitives.ReadInt32LittleEndian(rest[4..]);
        data = rest.Slice(8, length);
        int filled = tag == (uint)Element.Compressed ? length : (length + 7) & ~7;
        rest = rest[Math.Min(8 + filled, rest.Length)..];
        return (Element)tag;
    }

    private static MatArray ReadMatrix(ReadOnlySpan<byte> data)
    {
        // An empty field of a struct may be an array of no bytes.
        if (data.IsEmpty)
            return new MatArray("", [0, 0]);
        Take(ref data, out ReadOnlySpan<byte> flags);
        int arrayClass = flags[0];
        double[] dimensions = Numbers(Take(ref data, out ReadOnlySpan<byte> dimensionData), dimensionData);
        Take(ref data, out ReadOnlySpan<byte> name);
        var array = new MatArray(Encoding.ASCII.GetString(name), [.. dimensions.Select(d => checked((int)d))]);
        switch (arrayClass)
        {
            case StructClass:
                return array with { Fields = ReadFields(data, checked((int)array.Count)) };
            case CharClass:
                Element type = Take(ref data, out ReadOnlySpan<byte> text);
                return array with { Text = Text(type, text) };
            case >= FirstNumericClass and <= LastNumericClass:
                return array with { Numbers = Numbers(Take(ref data, out ReadOnlySpan<byte> values), values) };
            default:
                return array;
        }
    }

    private static Dictionary<string, MatArray[]> ReadFields(ReadOnlySpan<byte> data, int count)
    {
        Take(ref data, out ReadOnlySpan<byte> lengthData);
        int length = BinaryPrimitives.ReadInt32LittleEndian(lengthData);
        Take(ref data, out ReadOnlySpan<byte> nameData);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        var names = new string[nameData.Length / length];
        for (int i = 0; i < names.Length; i++)
            names[i] = Encoding.ASCII.GetString(nameData.Slice(i * length, length)).TrimEnd('\0');

        // Every value takes at least a tag, so a wrong count fails before it is believed.
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)count * names.Length, data.Length / 8, nameof(count));
        var fields = names.ToDictionary(name => name, _ => new MatArray[count], StringComparer.Ordinal);
        for (int element = 0; element < count; element++)
        {
            foreach (string name in names)
            {
                Take(ref data, out ReadOnlySpan<byte> value);
                fields[name][element] = ReadMatrix(value);
            }
        }

        return fields;
    }

    private static string Text(Element type, ReadOnlySpan<byte> data) => type switch
    {
        Element.UInt16 or Element.Utf16 => Encoding.Unicode.GetString(data),
        Element.Utf32 => Encoding.UTF32.GetString(data),
        _ => Encoding.UTF8.GetString(data),
    };

    private static double[] Numbers(Element type, ReadOnlySpan<byte> data)
    {
        int size = type switch
        {
            Element.Int8 or Element.UInt8 => 1,
            Element.Int16 or Element.UInt16 => 2,
            Element.Int32 or Element.UInt32 or Element.Single => 4,
            Element.Double or Element.Int64 or Element.UInt64 => 8,
            _ => throw new InvalidDataException($"numbers of type {(int)type}"),
        };
        var numbers = new double[data.Length / size];
        for (int i = 0; i < numbers.Length; i++)
        {
            ReadOnlySpan<byte> value = data.Slice(i * size, size);
            numbers[i] = type switch
            {
                Element.Int8 => (sbyte)value[0],
                Element.UInt8 => value[0],
                Element.Int16 => BinaryPrimitives.ReadInt16LittleEndian(value),
                Element.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(value),
                Element.Int32 => BinaryPrimitives.ReadInt32LittleEndian(value),
                Element.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(value),
                Element.Single => BinaryPrimitives.ReadSingleLittleEndian(value),
                Element.Int64 => BinaryPrimitives.ReadInt64LittleEndian(value),
                Element.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(value),
                _ => BinaryPrimitives.ReadDoubleLittleEndian(value),
            };
        }

        return numbers;
    }

    private static DdoqException Broken(string path, string what, Exception? cause = null) =>
        new($"{path}: {what}", "take meta.mat from ImageNet's development kit (ILSVRC2012_devkit_t12.tar.gz)", cause);
}

/// <summary>An array of a MATLAB file: numbers, text, a cell array or a struct array.</summary>
/// <param name="Name">The variable's name; empty inside another array.</param>
/// <param name="Dimensions">Its extents.</param>
internal sealed record MatArray(string Name, int[] Dimensions)
{
    /// <summary>The number of elements.</summary>
    public long Count => Dimensions.Aggregate(1L, (product, extent) => product * extent);

    /// <summary>The values of a numeric array, first dimension fastest; else empty.</summary>
    public double[] Numbers { get; init; } = [];

    /// <summary>The text of a character array; else null.</summary>
    public string? Text { get; init; }

    /// <summary>The values of each field of a struct array, element by element; else empty.</summary>
    public IReadOnlyDictionary<string, MatArray[]> Fields { get; init; } = new Dictionary<string, MatArray[]>();
}
