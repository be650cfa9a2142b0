using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Ddoq.Imaging;

/// <summary>The class of each of ImageNet's validation images, which lie in one folder and say nothing of it themselves.</summary>
/// <remarks>
/// Two sources: <c>LOC_val_solution.csv</c> of the Kaggle challenge (a line <c>ILSVRC2012_val_00048981,n03995372 85 1 499 272</c> for
/// each image), or the development kit's <c>ILSVRC2012_validation_ground_truth.txt</c> (line i is the number of image i's class)
/// with <c>meta.mat</c>, whose struct array <c>synsets</c> gives the name (<c>WNID</c>) of each number (<c>ILSVRC2012_ID</c>).
/// </remarks>
internal sealed class ValidationLabels
{
    private const string CsvName = "LOC_val_solution.csv", TruthName = "ILSVRC2012_validation_ground_truth.txt", MetaName = "meta.mat";

    // Where the development kit unpacks to, and its parts moved to the images.
    private static readonly string[] s_places =
        ["", "data", "devkit", "devkit/data", "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12/data"];

    private readonly string _source;
    private readonly Dictionary<string, string>? _byName;
    private readonly string[] _byNumber = [];

    private ValidationLabels(string source, Dictionary<string, string> byName) => (_source, _byName) = (source, byName);

    private ValidationLabels(string source, string[] byNumber) => (_source, _byNumber) = (source, byNumber);

    /// <summary>True when a data folder has a list of labels.</summary>
    public static bool AreIn(string folder) => s_places.Any(place =>
        File.Exists(Path.Combine(folder, place, CsvName)) || File.Exists(Path.Combine(folder, place, TruthName)));

    /// <summary>Finds and reads the labels in a data folder.</summary>
    /// <exception cref="DdoqException">There are none, or the files are damaged.</exception>
    public static ValidationLabels Read(string folder, string images)
    {
        foreach (string place in s_places)
        {
            string path = Path.Combine(folder, place, CsvName);
            if (File.Exists(path))
                return ReadCsv(path);
        }

        foreach (string place in s_places)
        {
            string truth = Path.Combine(folder, place, TruthName), meta = Path.Combine(folder, place, MetaName);
            if (!File.Exists(truth))
                continue;
            if (!File.Exists(meta))
                throw new DdoqException($"{truth} is there, but {MetaName} is not beside it", "copy it from the development kit's folder data/: it tells what the numbers stand for");
            return ReadDevkit(truth, meta);
        }

        throw new DdoqException(
            $"{images} has images without class folders, and neither {CsvName} nor {TruthName} with {MetaName} is in {folder}, its data/ or ILSVRC2012_devkit_t12/data/",
            "unpack ILSVRC2012_devkit_t12.tar.gz into the data folder, or copy LOC_val_solution.csv there");
    }

    /// <summary>The WordNet number of an image's class.</summary>
    /// <param name="fileName">The image's file name, for example <c>ILSVRC2012_val_00000293.JPEG</c>.</param>
    /// <param name="place">Where it is, for the message.</param>
    /// <exception cref="DdoqException">The labels do not tell.</exception>
    public string ClassOf(string fileName, string place)
    {
        string name = Path.GetFileNameWithoutExtension(fileName);
        if (_byName is not null)
            return _byName.TryGetValue(name, out string? found) ? found : throw Unknown(place, $"has no line for {name}");
        int digits = name.Length - name.AsSpan().TrimEnd("0123456789").Length;
        return int.TryParse(name.AsSpan(name.Length - digits), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && number >= 1 && number <= _byNumber.Length
            ? _byNumber[number - 1]
            : throw Unknown(place, $"has lines for images 1 to {_byNumber.Length}, numbered at the end of their names");
    }

    private static ValidationLabels ReadCsv(string path)
    {
        string[] lines = DataFile.ReadAllLines(path);
        var byName = new Dictionary<string, string>(lines.Length, StringComparer.Ordinal);
        for (int i = 1; i < lines.Length; i++)
        {
            if (lines[i].Length == 0)
                continue;
            string[] cells = lines[i].Split(',', 2);
            string synset = cells.Length == 2 ? cells[1].Trim().Split(' ', 2)[0] : "";
            if (!WordNetId.Is(synset))
                throw new DdoqException($"{path}, line {i + 1}: '{lines[i]}' is not an image and a class such as ILSVRC2012_val_00048981,n03995372 85 1 499 272", "fetch the file again");
            if (byName.TryAdd(cells[0], synset))
                continue;
            throw new DdoqException($"{path}, line {i + 1}: {cells[0]} is named twice", "fetch the file again");
        }

        return new ValidationLabels(path, byName);
    }

    private static ValidationLabels ReadDevkit(string truth, string meta)
    {
        Dictionary<int, string> synsets = ReadSynsets(meta);
        string[] lines = DataFile.ReadAllLines(truth);
        var byNumber = new List<string>(lines.Length);
        for (int i = 0; i < lines.Length; i++)
        {
            if (i == lines.Length - 1 && lines[i].Length == 0)
                break;
            byNumber.Add(int.TryParse(lines[i].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && synsets.TryGetValue(number, out string? synset)
                ? synset
                : throw new DdoqException($"{truth}, line {i + 1}: '{lines[i]}' is no ILSVRC2012_ID of {meta}", "take both files from one development kit"));
        }

        return new ValidationLabels(truth, [.. byNumber]);
    }

    private static Dictionary<int, string> ReadSynsets(string meta)
    {
        const string Hint = "take meta.mat from ImageNet's development kit (ILSVRC2012_devkit_t12.tar.gz)";
        MatArray? table = MatFile.Read(meta).FirstOrDefault(variable => variable.Name == "synsets");
        if (table is null || !table.Fields.TryGetValue("ILSVRC2012_ID", out MatArray[]? numbers) || !table.Fields.TryGetValue("WNID", out MatArray[]? names))
            throw new DdoqException($"{meta} has no struct array 'synsets' with the fields ILSVRC2012_ID and WNID", Hint);
        var synsets = new Dictionary<int, string>();
        for (int i = 0; i < numbers.Length; i++)
        {
            if (numbers[i].Numbers is not [double number] || number != (int)number || names[i].Text is not { } name || !WordNetId.Is(name) || !synsets.TryAdd((int)number, name))
                throw new DdoqException($"{meta}: synset {i + 1} has no number and name of its own", Hint);
        }

        return synsets;
    }

    private DdoqException Unknown(string place, string what) => new(
        $"{place} has no label: {_source} {what}", "remove what is not a validation image, or fetch the labels again");
}

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
