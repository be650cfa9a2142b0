namespace Ddoq.Imaging;

/// <summary>A list of the classes to take from a dataset.</summary>
/// <remarks>
/// The order of the list does not matter: labels follow the dataset's own order of those classes, so a subset has the
/// labels that a folder with only its classes would have.
/// </remarks>
public sealed class ClassSubset
{
    private readonly string[] _lines;

    private ClassSubset(string source, string[] lines) => (Source, _lines) = (source, lines);

    /// <summary>The file, or the name of the built-in list.</summary>
    public string Source { get; }

    /// <summary>The names of the built-in lists: <c>imagenette</c>, <c>imagewoof</c>, <c>imagenet-100</c>.</summary>
    public static IReadOnlyList<string> BuiltIn { get; } = [.. BuiltInSubsets.Names];

    /// <summary>Loads a list.</summary>
    /// <param name="nameOrFile">
    /// A built-in name, or a file with a class a line. Text may follow the name behind a tab or a space, as in a list of
    /// synsets; empty lines and lines that start with <c>#</c> do not count.
    /// </param>
    /// <exception cref="UsageException">Neither a built-in name nor a file.</exception>
    /// <exception cref="DdoqException">The file is empty or cannot be read.</exception>
    public static ClassSubset Load(string nameOrFile)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrFile);
        if (BuiltInSubsets.Find(nameOrFile) is { } list)
            return new ClassSubset(nameOrFile, list);
        if (!File.Exists(nameOrFile))
        {
            throw new UsageException(
                $"the class list '{nameOrFile}' is neither a file nor one of {string.Join(", ", BuiltIn)}",
                "give a file with one class name a line; relative paths start at the working directory");
        }

        string[] lines = DataFile.ReadAllLines(nameOrFile);
        lines = [.. lines.Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#')];
        return lines.Length > 0
            ? new ClassSubset(nameOrFile, lines)
            : throw new DdoqException($"the class list {nameOrFile} names no class", "give one class name a line");
    }

    /// <summary>The classes of the list among those of a dataset, in the dataset's order.</summary>
    /// <param name="found">The dataset's class names.</param>
    /// <param name="where">Where they were found, for the message.</param>
    /// <exception cref="DdoqException">The list names classes that the dataset lacks, or one twice; the message says which.</exception>
    public string[] Of(IReadOnlyList<string> found, string where)
    {
        ArgumentNullException.ThrowIfNull(found);
        var known = new HashSet<string>(found, StringComparer.Ordinal);
        var wanted = new HashSet<string>(StringComparer.Ordinal);
        var missing = new List<string>();
        foreach (string line in _lines)
        {
            if (Readings(line).FirstOrDefault(known.Contains) is not { } name)
                missing.Add(Readings(line).Last());
            else if (!wanted.Add(name))
                throw new DdoqException($"the class list {Source} names '{name}' twice", "name every class once");
        }

        return missing.Count == 0
            ? [.. found.Where(wanted.Contains)]
            : throw new DdoqException(
                $"{missing.Count} of the {_lines.Length} classes of the list {Source} are not in {where}, which has {found.Count}: "
                + string.Join(", ", missing.Take(5)) + (missing.Count > 5 ? ", ..." : ""),
                "correct the names, or take those classes from the list");
    }

    /// <summary>For each class of a dataset its label in the subset, or -1; all of them when there is no subset.</summary>
    internal static (string[] ClassNames, int[] Map) Apply(ClassSubset? subset, IReadOnlyList<string> found, string where)
    {
        string[] names = subset?.Of(found, where) ?? [.. found];
        var labels = new Dictionary<string, int>(names.Length, StringComparer.Ordinal);
        for (int label = 0; label < names.Length; label++)
            labels.TryAdd(names[label], label);
        return (names, [.. found.Select(name => labels.GetValueOrDefault(name, -1))]);
    }

    // A class name may hold spaces, so the longest reading that is a class counts.
    private static IEnumerable<string> Readings(string line)
    {
        yield return line;
        int tab = line.IndexOf('\t', StringComparison.Ordinal);
        if (tab > 0)
            yield return line[..tab].TrimEnd();
        int space = line.AsSpan().IndexOfAny(" \t");
        if (space > 0)
            yield return line[..space];
    }
}

/// <summary>The class subsets of ImageNet-1K that the literature on dataset distillation uses, as WordNet numbers.</summary>
internal static class BuiltInSubsets
{
    // fastai/imagenette: ten classes that are easy to tell apart.
    private const string Imagenette = """
        n01440764 n02102040 n02979186 n03000684 n03028079 n03394916 n03417042 n03425413
        n03445777 n03888257
        """;

    // fastai/imagenette: ten breeds of dogs.
    private const string Imagewoof = """
        n02086240 n02087394 n02088364 n02089973 n02093754 n02096294 n02099601 n02105641
        n02111889 n02115641
        """;

    // imagenet100.txt of HobbitLong/CMC (Tian et al., Contrastive Multiview Coding); vimar-gu/MinimaxDiffusion's
    // misc/class100.txt, which follows IDC, holds the same hundred classes.
    private const string ImageNet100 = """
        n01558993 n01692333 n01729322 n01735189 n01749939 n01773797 n01820546 n01855672
        n01978455 n01980166 n01983481 n02009229 n02018207 n02085620 n02086240 n02086910
        n02087046 n02089867 n02089973 n02090622 n02091831 n02093428 n02099849 n02100583
        n02104029 n02105505 n02106550 n02107142 n02108089 n02109047 n02113799 n02113978
        n02114855 n02116738 n02119022 n02123045 n02138441 n02172182 n02231487 n02259212
        n02326432 n02396427 n02483362 n02488291 n02701002 n02788148 n02804414 n02859443
        n02869837 n02877765 n02974003 n03017168 n03032252 n03062245 n03085013 n03259280
        n03379051 n03424325 n03492542 n03494278 n03530642 n03584829 n03594734 n03637318
        n03642806 n03764736 n03775546 n03777754 n03785016 n03787032 n03794056 n03837869
        n03891251 n03903868 n03930630 n03947888 n04026417 n04067472 n04099969 n04111531
        n04127249 n04136333 n04229816 n04238763 n04336792 n04418357 n04429376 n04435653
        n04485082 n04493381 n04517823 n04589890 n04592741 n07714571 n07715103 n07753275
        n07831146 n07836838 n13037406 n13040303
        """;

    private static readonly Dictionary<string, string> s_lists = new(StringComparer.Ordinal)
    {
        ["imagenette"] = Imagenette,
        ["imagewoof"] = Imagewoof,
        ["imagenet-100"] = ImageNet100,
    };

    /// <summary>The names that <see cref="Find"/> knows.</summary>
    public static IEnumerable<string> Names => s_lists.Keys;

    /// <summary>The classes of a subset; null when there is none of that name.</summary>
    public static string[]? Find(string name) =>
        s_lists.TryGetValue(name, out string? list) ? list.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) : null;
}

/// <summary>Checks one list of class names against another and maps labels between them.</summary>
internal static class ClassOrder
{
    /// <summary>For each label of <paramref name="found"/>, its label in <paramref name="wanted"/>.</summary>
    /// <exception cref="DdoqException">The lists do not hold the same names; the message gives some that differ.</exception>
    public static int[] Map(IReadOnlyList<string> found, IReadOnlyList<string> wanted, string foundIn, string wantedIn)
    {
        var labels = new Dictionary<string, int>(wanted.Count, StringComparer.Ordinal);
        for (int label = 0; label < wanted.Count; label++)
        {
            if (!labels.TryAdd(wanted[label], label))
                throw new DdoqException($"class name '{wanted[label]}' appears twice in {wantedIn}", "give every class its own name");
        }

        string[] extra = [.. found.Where(name => !labels.ContainsKey(name))];
        string[] missing = [.. wanted.Except(found, StringComparer.Ordinal)];
        if (extra.Length > 0 || missing.Length > 0)
        {
            throw new DdoqException(
                $"the classes of {foundIn} ({found.Count}) are not those of {wantedIn} ({wanted.Count})"
                + Some("; not expected: ", extra) + Some("; missing: ", missing),
                "both must have the same class names, or labels would not mean the same");
        }

        return [.. found.Select(name => labels[name])];
    }

    private static string Some(string title, string[] names) => names.Length switch
    {
        0 => "",
        <= 5 => title + string.Join(", ", names),
        _ => title + string.Join(", ", names.Take(5)) + $" and {names.Length - 5} more",
    };
}

/// <summary>Class names a line, in label order, in a file beside the data.</summary>
internal static class ClassNameFile
{
    /// <summary>Reads the first of <paramref name="fileNames"/> that a folder has; null when it has none.</summary>
    /// <exception cref="DdoqException">The file has an empty line among the names.</exception>
    public static string[]? TryRead(string folder, params ReadOnlySpan<string> fileNames)
    {
        foreach (string fileName in fileNames)
        {
            string path = Path.Combine(folder, fileName);
            if (File.Exists(path))
                return Read(path);
        }

        return null;
    }

    /// <summary>Names for classes that have none: their numbers, of equal width so that they sort in label order.</summary>
    public static string[] Numbered(int count)
    {
        int width = $"{count - 1}".Length;
        return [.. Enumerable.Range(0, count).Select(label => $"{label}".PadLeft(width, '0'))];
    }

    private static string[] Read(string path)
    {
        string[] lines = DataFile.ReadAllLines(path);
        int last = Array.FindLastIndex(lines, line => line.Trim().Length > 0);
        string[] names = [.. lines.Take(last + 1).Select(line => line.Trim())];
        int bad = Array.FindIndex(names, name => name.Length == 0);
        if (bad >= 0)
            throw new DdoqException($"{path}, line {bad + 1}: empty, a class name is needed", "give one class name a line, in label order");
        return names;
    }
}
