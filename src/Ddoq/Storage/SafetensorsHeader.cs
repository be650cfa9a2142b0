using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;

namespace Ddoq.Storage;

/// <summary>The JSON header of a safetensors file: strict reading and deterministic writing.</summary>
/// <remarks>
/// Layout of a file: 8 bytes little-endian header length, the header, the data. Rules of the format: the header starts
/// with '{', is at most 100 MB, keys are unique, and the tensors' byte ranges cover the data exactly, without gaps or
/// overlaps. Source: the specification of huggingface/safetensors.
/// </remarks>
internal static class SafetensorsHeader
{
    public const int PrefixLength = 8;
    public const int MaxLength = 100_000_000;
    public const int DataAlignment = 64;
    private const string MetadataKey = "__metadata__";
    private const string DamagedHint = "The file is damaged or not a safetensors file: make or download it again.";

    /// <summary>Reads and validates a whole header.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="json">The header without its 8-byte length.</param>
    /// <param name="dataLength">Bytes of the file after the header.</param>
    /// <returns>The metadata and the tensors in order of their offsets.</returns>
    /// <exception cref="DdoqException">Any rule of the format is broken.</exception>
    public static (Dictionary<string, string> Metadata, SafetensorsTensor[] Tensors) Parse(
        string path, ReadOnlySpan<byte> json, long dataLength)
    {
        if (json.IsEmpty || json[0] != (byte)'{')
            throw Bad(path, "the header does not start with '{'");
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var tensors = new List<SafetensorsTensor>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 16 });
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                if (!names.Add(name))
                    throw Bad(path, $"the header names {StorageErrors.Quote(name)} twice");
                reader.Read();
                if (name == MetadataKey)
                    ReadMetadata(path, ref reader, metadata);
                else
                    tensors.Add(ReadTensor(path, name, ref reader));
            }

            // Anything but white space after the closing brace throws here.
            reader.Read();
        }
        catch (JsonException e)
        {
            throw Bad(path, $"the header is not valid JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine})", e);
        }
        catch (InvalidOperationException e)
        {
            throw Bad(path, "the header holds text that is not valid UTF-8", e);
        }

        SafetensorsTensor[] sorted = [.. tensors.OrderBy(t => t.Offset).ThenBy(t => t.ByteLength)];
        CheckCoverage(path, sorted, dataLength);
        return (metadata, sorted);
    }

    /// <summary>The bytes before the data: length, header and spaces so that the data starts at a multiple of 64.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="metadata">Written in ordinal order of the keys.</param>
    /// <param name="tensors">Written in the given order.</param>
    /// <exception cref="DdoqException">The header would exceed the format's 100 MB.</exception>
    public static byte[] Format(string path, IEnumerable<KeyValuePair<string, string>> metadata, IEnumerable<SafetensorsTensor> tensors)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject(MetadataKey);
            foreach ((string key, string value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                json.WriteString(key, value);
            json.WriteEndObject();
            foreach (SafetensorsTensor tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.ToString());
                json.WriteStartArray("shape");
                foreach (long extent in tensor.Shape)
                    json.WriteNumberValue(extent);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(tensor.Offset);
                json.WriteNumberValue(tensor.Offset + tensor.ByteLength);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        int dataStart = (PrefixLength + buffer.WrittenCount + DataAlignment - 1) / DataAlignment * DataAlignment;
        int length = dataStart - PrefixLength;
        if (length > MaxLength)
        {
            throw new DdoqException(
                $"cannot write '{path}': its header needs {length} bytes, the format allows {MaxLength}",
                "Use fewer or shorter class names and metadata.");
        }

        byte[] bytes = new byte[dataStart];
        bytes.AsSpan().Fill((byte)' ');
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)length);
        buffer.WrittenSpan.CopyTo(bytes.AsSpan(PrefixLength));
        return bytes;
    }

    public static DdoqException Bad(string path, string what, Exception? cause = null) =>
        new($"'{path}': {what}", DamagedHint, cause);

    private static void ReadMetadata(string path, ref Utf8JsonReader reader, Dictionary<string, string> metadata)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Bad(path, $"{MetadataKey} is not an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            if (!reader.Read() || reader.TokenType != JsonTokenType.String)
                throw Bad(path, $"metadata {StorageErrors.Quote(key)} is not a string");
            if (!metadata.TryAdd(key, reader.GetString()!))
                throw Bad(path, $"metadata {StorageErrors.Quote(key)} appears twice");
        }
    }

    private static SafetensorsTensor ReadTensor(string path, string name, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw BadTensor(path, name, "its entry is not an object");
        SafetensorsType? type = null;
        List<long>? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            if (key switch { "dtype" => type is not null, "shape" => shape is not null, "data_offsets" => offsets is not null, _ => false })
                throw BadTensor(path, name, $"'{key}' appears twice");
            reader.Read();
            switch (key)
            {
                case "dtype":
                    type = ReadType(path, name, ref reader);
                    break;
                case "shape":
                    shape = ReadNumbers(path, name, key, ref reader);
                    break;
                case "data_offsets":
                    offsets = ReadNumbers(path, name, key, ref reader);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        if (type is null || shape is null || offsets is null)
            throw BadTensor(path, name, $"'{(type is null ? "dtype" : shape is null ? "shape" : "data_offsets")}' is missing");
        if (offsets.Count != 2 || offsets[1] < offsets[0])
            throw BadTensor(path, name, $"data_offsets are {SafetensorsTensor.ShapeText(offsets)}, allowed is [begin, end] with begin <= end");
        if (SafetensorsTensor.TryByteLength(type.Value, shape) is not long needed)
            throw BadTensor(path, name, $"shape {SafetensorsTensor.ShapeText(shape)} has more bytes than 63 bits count");
        long held = offsets[1] - offsets[0];
        if (needed != held)
        {
            throw BadTensor(path, name,
                $"{type} {SafetensorsTensor.ShapeText(shape)} needs {needed} bytes, data_offsets hold {held}");
        }

        return new SafetensorsTensor(name, type.Value, shape, offsets[0], held);
    }

    private static SafetensorsType ReadType(string path, string name, ref Utf8JsonReader reader)
    {
        string? text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;

        // Enum.TryParse alone would take numbers and lists of names too.
        if (text is null || !Enum.TryParse(text, out SafetensorsType type) || type.ToString() != text)
        {
            throw BadTensor(path, name,
                $"dtype {(text is null ? "is not a string" : StorageErrors.Quote(text) + " is unknown")}, known are {string.Join(' ', Enum.GetNames<SafetensorsType>())}");
        }

        return type;
    }

    private static List<long> ReadNumbers(string path, string name, string key, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw BadTensor(path, name, $"'{key}' is not an array");
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long number) || number < 0)
                throw BadTensor(path, name, string.Create(CultureInfo.InvariantCulture, $"'{key}' holds something else than whole numbers from 0 to {long.MaxValue}"));
            numbers.Add(number);
        }

        return numbers;
    }

    private static void CheckCoverage(string path, SafetensorsTensor[] sorted, long dataLength)
    {
        long covered = 0;
        foreach (SafetensorsTensor tensor in sorted)
        {
            if (tensor.Offset != covered)
            {
                string what = tensor.Offset < covered ? "overlaps the tensor before it" : "leaves a gap before it";
                throw BadTensor(path, tensor.Name, $"starts at data byte {tensor.Offset} and {what}, expected {covered}");
            }

            // Both are at most long.MaxValue - offset, checked when the range was read.
            covered = tensor.Offset + tensor.ByteLength;
            if (covered > dataLength)
            {
                throw BadTensor(path, tensor.Name,
                    $"ends at data byte {covered}, the file has only {dataLength}: it is cut off by {covered - dataLength} bytes");
            }
        }

        if (covered != dataLength)
            throw Bad(path, $"{dataLength - covered} bytes after the last tensor belong to none");
    }

    private static DdoqException BadTensor(string path, string name, string what) =>
        Bad(path, $"tensor {StorageErrors.Quote(name)}: {what}");
}
