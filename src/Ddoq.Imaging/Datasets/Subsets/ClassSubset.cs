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

        string[] lines = DataFile.Guard(nameOrFile, 0, static (_, path) => File.ReadAllLines(path));
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
