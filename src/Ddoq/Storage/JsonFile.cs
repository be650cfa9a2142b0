using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Ddoq.Storage;

/// <summary>Reads and atomically writes small JSON files through source-generated contracts.</summary>
internal static class JsonFile
{
    // Class names stay readable; the files are never pasted into HTML.
    public static readonly JsonWriterOptions Indented = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static readonly JsonWriterOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes a value, indented, with '\n' line ends and a last one.</summary>
    public static void Write<T>(string path, T value, JsonTypeInfo<T> contract)
    {
        using var memory = new MemoryStream();
        using (var writer = new Utf8JsonWriter(memory, Indented))
            JsonSerializer.Serialize(writer, value, contract);
        memory.WriteByte((byte)'\n');
        AtomicFile.WriteAllBytes(path, memory.GetBuffer().AsSpan(0, (int)memory.Length));
    }

    /// <summary>Reads a value.</summary>
    /// <exception cref="DdoqException">The file is missing, unreadable, not JSON or not of this form.</exception>
    public static T Read<T>(string path, JsonTypeInfo<T> contract, string hint) where T : class
    {
        try
        {
            return Parse(SkipByteOrderMark(ReadAllBytes(path)), contract)
                ?? throw new DdoqException($"'{path}': holds null, an object is expected", hint);
        }
        catch (JsonException e)
        {
            throw new DdoqException($"'{path}': {Describe(e)}", hint, e);
        }
    }

    /// <summary>Parses one value; every malformed input is a <see cref="JsonException"/>.</summary>
    public static T? Parse<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> contract) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(json, contract);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or FormatException)
        {
            // Text that is not valid UTF-8 and duplicate keys of a dictionary surface as these.
            throw new JsonException(e.Message, e);
        }
    }

    /// <summary>One line about what is wrong with some JSON.</summary>
    public static string Describe(JsonException exception)
    {
        string place = exception.LineNumber is long line ? $" (line {line + 1}, byte {exception.BytePositionInLine})" : "";
        string path = exception.Path is { Length: > 1 } p ? $" at {p}" : "";
        return exception.InnerException is null && exception.Message.Contains("required", StringComparison.Ordinal)
            ? $"a required entry is missing: {exception.Message}"
            : $"not valid JSON of the expected form{path}{place}";
    }

    public static byte[] ReadAllBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotRead(path, e);
        }
    }

    public static ReadOnlySpan<byte> SkipByteOrderMark(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes;
}
