using System.Text;

namespace Ddoq.Onnx.Text;

/// <summary>Words for classes whose names say nothing to a text encoder, such as WordNet numbers.</summary>
/// <remarks>
/// A text file with one class per line: its name, a tab (or, where the line has none, the first space), its words, as in
/// ImageNet's lists: <c>n01440764 tench, Tinca tinca</c>. Lines of classes the data do not have are ignored.
/// </remarks>
public static class ClassTexts
{
    /// <summary>Reads the words of classes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="classNames">The classes.</param>
    /// <returns>Their words, in the order of <paramref name="classNames"/>.</returns>
    /// <exception cref="DdoqException">The file cannot be read, has a line without words or two lines for a class, or lacks a class.</exception>
    public static IReadOnlyList<string> Load(string path, IReadOnlyList<string> classNames)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(classNames);
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path, Encoding.UTF8);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"class texts {path} cannot be read: {exception.Message}", "check the path", exception);
        }

        var words = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0)
                continue;
            int gap = line.IndexOf('\t', StringComparison.Ordinal);
            if (gap < 0)
                gap = line.IndexOf(' ', StringComparison.Ordinal);
            if (gap < 0)
                throw new DdoqException($"{path}, line {i + 1}: '{line}' has no words after the class", "write the class's name, a tab, and its words");
            if (!words.TryAdd(line[..gap], line[(gap + 1)..].Trim()))
                throw new DdoqException($"{path}, line {i + 1}: class '{line[..gap]}' stands there twice", "keep one of the lines");
        }

        string[] missing = [.. classNames.Where(name => !words.ContainsKey(name))];
        return missing.Length == 0
            ? [.. classNames.Select(name => words[name])]
            : throw new DdoqException(
                $"{path} lacks {missing.Length} of {classNames.Count} classes, the first is '{missing[0]}'",
                "add a line for each class: its name as the data have it, a tab, and its words");
    }
}
