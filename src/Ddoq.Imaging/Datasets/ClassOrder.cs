namespace Ddoq.Imaging;

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
