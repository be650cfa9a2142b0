using System.Text.Json;
using Ddoq.Storage;

namespace Ddoq.Onnx.Models;

/// <summary>One JSON configuration file of a model folder, read key by key; every complaint names the file and the key.</summary>
internal sealed class ConfigurationFile
{
    private static readonly JsonDocumentOptions s_options = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    private ConfigurationFile(string path, JsonElement root) => (Path, Root) = (path, root);

    public string Path { get; }

    public JsonElement Root { get; }

    public static ConfigurationFile Load(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            GitPointer.Refuse(stream);
            using JsonDocument document = JsonDocument.Parse(stream, s_options);
            ReadTexts(document.RootElement);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new ConfigurationFile(path, document.RootElement.Clone())
                : throw new DdoqException($"{path}: a JSON object was expected, found {document.RootElement.ValueKind}");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DdoqException($"{path} is missing", "a model folder holds the configuration files its networks were exported with", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"{path} cannot be read: {exception.Message}", innerException: exception);
        }
        catch (JsonException exception)
        {
            throw new DdoqException($"{path} is not valid JSON: {exception.Message}", "write the file again or export the model again", exception);
        }
        catch (InvalidOperationException exception)
        {
            throw new DdoqException($"{path} holds text that is not Unicode", "write the file again in UTF-8, or export the model again", exception);
        }
    }

    // The parser looks at the bytes of a text when it is asked for, not before.
    private static void ReadTexts(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.String)
        {
            _ = element.GetString();
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement item in element.EnumerateArray())
                ReadTexts(item);
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in element.EnumerateObject())
            {
                _ = property.Name;
                ReadTexts(property.Value);
            }
        }
    }

    /// <summary>The file, or null when it does not exist.</summary>
    public static ConfigurationFile? LoadIfPresent(string path) => File.Exists(path) ? Load(path) : null;

    /// <summary>An object inside this file, or null when the key is absent.</summary>
    public ConfigurationFile? Section(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } section => new ConfigurationFile($"{Path} ({key})", section),
        { } other => throw Wrong(key, other, "an object"),
    };

    public bool? Boolean(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } other => throw Wrong(key, other, "true or false"),
    };

    public string? Text(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { } other => throw Wrong(key, other, "a string"),
    };

    public int? Integer(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } number when number.TryGetInt32(out int value) => value,
        { } other => throw Wrong(key, other, "a whole number"),
    };

    public double? Number(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } number when number.TryGetDouble(out double value) && double.IsFinite(value) => value,
        { } other => throw Wrong(key, other, "a number"),
    };

    public IReadOnlyList<double>? Numbers(string key)
    {
        if (Find(key) is not { } element)
            return null;
        if (element.ValueKind != JsonValueKind.Array)
            throw Wrong(key, element, "a list of numbers");
        var values = new List<double>(element.GetArrayLength());
        foreach (JsonElement item in element.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetDouble(out double value))
                throw Wrong(key, item, "a list of numbers");
            values.Add(value);
        }

        return values;
    }

    public T? Choice<T>(string key, params ReadOnlySpan<(string Name, T Value)> choices)
        where T : struct
    {
        if (Text(key) is not { } found)
            return null;
        foreach ((string name, T value) in choices)
        {
            if (name == found)
                return value;
        }

        var names = new List<string>();
        foreach ((string name, _) in choices)
            names.Add(name);
        throw Unsupported(key, found, string.Join(", ", names));
    }

    /// <summary>Names listed as <c>{"0": "first", "1": "second"}</c>, in order of their index; null when the key is absent.</summary>
    public IReadOnlyList<string>? Names(string key)
    {
        if (Section(key) is not { } section)
            return null;
        var names = new SortedDictionary<int, string>();
        foreach (JsonProperty property in section.Root.EnumerateObject())
        {
            if (!int.TryParse(property.Name, out int index) || index < 0 || property.Value.ValueKind != JsonValueKind.String)
                throw new DdoqException($"{section.Path}: entry '{property.Name}' is not an index with a name");
            if (!names.TryAdd(index, property.Value.GetString()!))
                throw new DdoqException($"{section.Path}: index {index} occurs twice");
        }

        if (names.Count > 0 && names.Keys.Last() != names.Count - 1)
            throw new DdoqException($"{section.Path}: {names.Count} entries up to index {names.Keys.Last()}; indices must run from 0 without gaps");
        return [.. names.Values];
    }

    public DdoqException Unsupported(string key, string found, string allowed) =>
        new($"{Path}: '{key}' is {found}; supported: {allowed}", "change the key, or use a model that was trained without it");

    public DdoqException Missing(string key, string meaning) =>
        new($"{Path}: '{key}' ({meaning}) is missing", "add the key, or export the model again");

    private JsonElement? Find(string key) =>
        Root.TryGetProperty(key, out JsonElement element) && element.ValueKind != JsonValueKind.Null ? element : null;

    private DdoqException Wrong(string key, JsonElement found, string expected) =>
        new($"{Path}: '{key}' is {Shorten(found.GetRawText())}; expected {expected}");

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "...";
}
