using System.Globalization;
using System.Text;
using System.Text.Json;
using Ddoq.Distilled;

namespace Ddoq.Imaging;

/// <summary>The label of a sample as it was written: a number or a class name.</summary>
/// <param name="Number">The number; negative where the sample is unlabelled, and where there is a name.</param>
/// <param name="Name">The name, or null.</param>
internal readonly record struct SampleLabel(long Number, string? Name)
{
    private const char ByteOrderMark = '\uFEFF';

    /// <summary>True where the sample says that it has no label: null, or a number below zero.</summary>
    public bool IsMissing => Name is null && Number < 0;

    /// <summary>Reads the label of a WebDataset sample: text for <c>cls</c> and <c>txt</c>, the value of the key <c>label</c> for <c>json</c>.</summary>
    /// <returns>Null when there is none in it.</returns>
    public static SampleLabel? Parse(string extension, byte[] content)
    {
        string text = Encoding.UTF8.GetString(content).TrimStart(ByteOrderMark);
        if (extension != "json")
            return OfText(text.Trim());
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("label", out JsonElement label) ? null
                : label.ValueKind == JsonValueKind.String ? OfText(label.GetString()!.Trim())
                : label.ValueKind == JsonValueKind.Number ? OfText(label.GetRawText())
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Broken JSON, or text with half a surrogate pair.
            return null;
        }
    }

    /// <summary>For messages.</summary>
    public override string ToString() => Name ?? (Number == long.MinValue ? "null" : Number.ToString(CultureInfo.InvariantCulture));

    private static SampleLabel? OfText(string text) =>
        text.Length == 0 || text.Contains('\n', StringComparison.Ordinal) ? null
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) ? new SampleLabel(number, null)
        : new SampleLabel(-1, text);
}

/// <summary>The labels of the samples in one file.</summary>
/// <param name="Labels">One for each sample, as written.</param>
/// <param name="PlaceOf">File and sample, for messages.</param>
internal readonly record struct WrittenLabels(IReadOnlyList<SampleLabel> Labels, Func<int, string> PlaceOf);

/// <summary>The classes of samples that carry their labels as numbers or names, and the label each gets in the dataset.</summary>
internal sealed class LabelledClasses
{
    // Fewer samples with names of their own may be a set of one image a class.
    private const int FewestCaptions = 10;

    // More classes than any data has; a name is made for each.
    private const int MostClasses = 1 << 20;

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
    /// <exception cref="DdoqException">
    /// Some labels are numbers and others names; a number is larger than there are samples, negative or not whole; or the names differ
    /// from sample to sample, as captions do.
    /// </exception>
    public static string[] NamesOf(IEnumerable<WrittenLabels> sources, string where)
    {
        long most = -1, count = 0;
        string mostAt = "", nameAt = "", nameLast = "";
        var names = new SortedSet<string>(CodePointOrder.Instance);
        foreach (WrittenLabels source in sources)
        {
            for (int i = 0; i < source.Labels.Count; i++, count++)
            {
                SampleLabel label = source.Labels[i];
                RequireLabel(label, source, i);
                if (label.Name is { } name)
                {
                    if (!names.Add(name))
                        continue;
                    (nameAt, nameLast) = (source.PlaceOf(i), name);
                    if (double.TryParse(name, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out _))
                        throw new DdoqException($"{source.PlaceOf(i)} has the label '{name}', which is no whole number", "write whole numbers from 0 on, or names; names that look like numbers belong into classnames.txt");
                }
                else if (label.Number > most)
                {
                    (most, mostAt) = (label.Number, source.PlaceOf(i));
                }
            }
        }

        if (most >= Math.Min(count, MostClasses))
        {
            throw new DdoqException(
                $"{mostAt} has the label {most}, but {where} has only {count} samples: every class from 0 on needs one",
                "correct the label, or give the names of all classes in classnames.txt beside the shards");
        }

        if (names.Count == 0)
            return ClassNameFile.Numbered((int)most + 1);
        if (most >= 0)
        {
            throw new DdoqException(
                $"{nameAt} has a name for a label, '{nameLast}', other samples have numbers, such as {mostAt} with {most}",
                "write labels of one kind, or give the names of the numbers in classnames.txt");
        }

        return count < FewestCaptions || 2 * names.Count <= count ? [.. names] : throw new DdoqException(
            $"the {count} samples in {where} have {names.Count} different labels, such as '{nameLast}' of {nameAt}: these are captions, not classes",
            "pack the class of each image as key.cls, or list the class names in classnames.txt beside the shards");
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
    /// <param name="source">The labels of the sample's file.</param>
    /// <param name="index">Which of them.</param>
    /// <exception cref="DdoqException">There is no such class.</exception>
    public int LabelOf(WrittenLabels source, int index)
    {
        const string Hint = "correct the label, or the list of class names beside the shards";
        SampleLabel label = source.Labels[index];
        RequireLabel(label, source, index);
        if (label.Name is not { } name)
        {
            return label.Number < _map.Length
                ? _map[label.Number]
                : throw new DdoqException($"{source.PlaceOf(index)} has the label {label.Number}; there are {_map.Length} classes, 0 to {_map.Length - 1}", Hint);
        }

        return _numbers.TryGetValue(name, out int number)
            ? _map[number]
            : throw new DdoqException($"{source.PlaceOf(index)} has the label '{name}', which is no class name", Hint);
    }

    /// <summary>Checks that every class has an image.</summary>
    /// <exception cref="DdoqException">One has none.</exception>
    public void CheckAllThere(IReadOnlyCollection<int> labels, string where, string firstFile)
    {
        var found = new bool[Names.Length];
        foreach (int label in labels)
            found[label] = true;
        int empty = Array.IndexOf(found, false);
        if (empty >= 0)
        {
            throw new DdoqException(
                $"no image of the shards in {where}, the first of which is {firstFile}, is of class {empty} ({Names[empty]})",
                "every class needs at least one image: fetch the missing shards, or give the classes to take by --classes");
        }
    }

    private static void RequireLabel(SampleLabel label, WrittenLabels source, int index)
    {
        if (label.IsMissing)
            throw new DdoqException($"{source.PlaceOf(index)} has no label ({label})", "this split has no labels: use another, such as validation");
    }
}
