using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Ddoq.Imaging;

/// <summary>The classes of samples that carry their labels as numbers or names, and the label each gets in the dataset.</summary>
internal sealed class LabelledClasses
{
    private static readonly string[] s_nameFiles = ["classnames.txt", "classes.txt", "labels.txt"];

    private readonly Dictionary<string, int> _numbers;
    private readonly int[] _map;

    private LabelledClasses(string[] names, Dictionary<string, int> numbers, int[] map) => (Names, _numbers, _map) = (names, numbers, map);

    /// <summary>Class names in label order.</summary>
    public string[] Names { get; }

    /// <summary>The class names in a file beside the shards or in the data folder; null when there is none.</summary>
    public static string[]? NamesBeside(string shardFolder, string dataFolder) =>
        ClassNameFile.TryRead(shardFolder, s_nameFiles) ?? ClassNameFile.TryRead(dataFolder, s_nameFiles);

    /// <summary>The class names that labels alone tell: their texts in order, or numbers of equal width.</summary>
    /// <exception cref="DdoqException">Some labels are numbers and others names.</exception>
    public static string[] NamesOf(IEnumerable<SampleLabel> labels, string where)
    {
        int most = -1;
        var names = new SortedSet<string>(StringComparer.Ordinal);
        foreach (SampleLabel label in labels)
        {
            most = Math.Max(most, label.Number);
            if (label.Name is { } name)
                names.Add(name);
        }

        return most < 0 ? [.. names]
            : names.Count == 0 ? ClassNameFile.Numbered(most + 1)
            : throw new DdoqException(
                $"some labels of the shards in {where} are numbers up to {most}, others are names, such as {names.Min}",
                "write labels of one kind, or give the names of the numbers in classnames.txt");
    }

    /// <summary>Takes the classes of the subset and brings them into the wanted order.</summary>
    /// <param name="all">The names of the labels' numbers.</param>
    /// <param name="options">Subset and order.</param>
    /// <param name="where">Where the data is, for messages.</param>
    /// <exception cref="DdoqException">A class of the subset is missing, or the classes are not those of the wanted order.</exception>
    public static LabelledClasses Choose(string[] all, ImageDatasetOptions options, string where)
    {
        (string[] names, int[] map) = ClassSubset.Apply(options.Classes, all, where);
        if (options.ClassNames is { } wanted)
        {
            int[] order = ClassOrder.Map(names, wanted, where, "the expected list");
            (names, map) = ([.. wanted], [.. map.Select(label => label < 0 ? -1 : order[label])]);
        }

        var numbers = new Dictionary<string, int>(all.Length, StringComparer.Ordinal);
        for (int number = 0; number < all.Length; number++)
        {
            if (!numbers.TryAdd(all[number], number))
                throw new DdoqException($"two classes of {where} are called '{all[number]}'", "give every class its own name");
        }

        return new LabelledClasses(names, numbers, map);
    }

    /// <summary>The label of a sample in the dataset; -1 when its class is not taken.</summary>
    /// <param name="label">The label as it was written.</param>
    /// <param name="file">Its file, for the message.</param>
    /// <param name="separator">What stands between file and sample there.</param>
    /// <param name="sample">The sample.</param>
    /// <exception cref="DdoqException">There is no such class.</exception>
    public int LabelOf<TSample>(SampleLabel label, string file, string separator, TSample sample)
    {
        const string Hint = "correct the label, or the list of class names beside the shards";
        if (label.Name is not { } name)
        {
            return label.Number < _map.Length
                ? _map[label.Number]
                : throw new DdoqException($"{file}{separator}{sample} has the label {label.Number}; there are {_map.Length} classes, 0 to {_map.Length - 1}", Hint);
        }

        return _numbers.TryGetValue(name, out int number)
            ? _map[number]
            : throw new DdoqException($"{file}{separator}{sample} has the label '{name}', which is no class name", Hint);
    }

    /// <summary>Checks that every class has an image.</summary>
    /// <exception cref="DdoqException">One has none.</exception>
    public void CheckAllThere(IReadOnlyCollection<int> labels, string where)
    {
        var found = new bool[Names.Length];
        foreach (int label in labels)
            found[label] = true;
        int empty = Array.IndexOf(found, false);
        if (empty >= 0)
        {
            throw new DdoqException(
                $"no image of the shards in {where} is of class {empty} ({Names[empty]})",
                "every class needs at least one image: fetch the missing shards, or give the classes to take by --classes");
        }
    }
}

/// <summary>The label of a WebDataset sample as it was written: a number or a class name.</summary>
/// <param name="Number">The number, or -1.</param>
/// <param name="Name">The name, or null.</param>
internal readonly record struct SampleLabel(int Number, string? Name)
{
    /// <summary>The extensions that hold labels, in the order of preference.</summary>
    public static ImmutableArray<string> Extensions { get; } = ["cls", "json", "txt"];

    /// <summary>Reads the label of a sample: text for <c>cls</c> and <c>txt</c>, the value of the key <c>label</c> for <c>json</c>.</summary>
    /// <returns>Null when there is none in it.</returns>
    public static SampleLabel? Parse(string extension, byte[] content)
    {
        if (extension != "json")
            return OfText(Encoding.UTF8.GetString(content).Trim());
        try
        {
            using JsonDocument document = JsonDocument.Parse(content);
            return document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("label", out JsonElement label) ? null
                : label.ValueKind == JsonValueKind.String ? OfText(label.GetString()!.Trim())
                : label.ValueKind == JsonValueKind.Number && label.TryGetInt32(out int number) && number >= 0 ? new SampleLabel(number, null)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static SampleLabel? OfText(string text) =>
        text.Length == 0 || text.Contains('\n', StringComparison.Ordinal) ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? new SampleLabel(number, null)
        : new SampleLabel(-1, text);
}
