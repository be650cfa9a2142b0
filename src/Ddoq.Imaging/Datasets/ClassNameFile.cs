namespace Ddoq.Imaging;

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
        string[] lines = DataFile.Guard(path, 0, static (_, path) => File.ReadAllLines(path));
        int last = Array.FindLastIndex(lines, line => line.Trim().Length > 0);
        string[] names = [.. lines.Take(last + 1).Select(line => line.Trim())];
        int bad = Array.FindIndex(names, name => name.Length == 0);
        if (bad >= 0)
            throw new DdoqException($"{path}, line {bad + 1}: empty, a class name is needed", "give one class name a line, in label order");
        return names;
    }
}
