using System.Text.Json;

namespace Ddoq.Imaging;

/// <summary>The order, labels and class names that a distilled set's <c>metadata.jsonl</c> gives its images.</summary>
/// <remarks>
/// One JSON object a line with at least <c>file_name</c> (below the file's own folder), <c>label</c> and <c>class_name</c>.
/// The order of the lines is the order of the rows in the set's other files, such as its soft labels, so it is the order of
/// the dataset. A <c>metadata.jsonl</c> whose first line lacks those keys is somebody else's and is not used.
/// </remarks>
internal sealed class DistilledMetadata
{
    private readonly string _path;
    private readonly List<(string Name, int Label)> _rows;

    private DistilledMetadata(string path, List<(string Name, int Label)> rows, string[] classNames)
    {
        _path = path;
        _rows = rows;
        ClassNames = classNames;
    }

    /// <summary>Class names in label order.</summary>
    public string[] ClassNames { get; }

    /// <summary>Reads <c>location/part/metadata.jsonl</c>; null when there is none, or not of a distilled set.</summary>
    /// <exception cref="DdoqException">A line is broken, or two lines contradict each other.</exception>
    public static DistilledMetadata? TryRead(string location, string part)
    {
        string path = Path.Combine(location, part, "metadata.jsonl");
        return File.Exists(path) ? DataFile.Guard(path, 0, static (_, path) => Read(path)) : null;
    }

    private static DistilledMetadata? Read(string path)
    {
        var rows = new List<(string, int)>();
        var classNames = new SortedDictionary<int, string>();
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            if (Parse(line, path, number) is not { } row)
            {
                return rows.Count == 0
                    ? null
                    : throw Broken(path, number, "file_name, label or class_name is missing, the lines before have them");
            }

            if (!classNames.TryAdd(row.Label, row.ClassName) && classNames[row.Label] != row.ClassName)
                throw Broken(path, number, $"label {row.Label} is class '{row.ClassName}', a line before says '{classNames[row.Label]}'");
            rows.Add((row.Name, row.Label));
        }

        if (rows.Count == 0)
            return null;
        int expected = 0;
        foreach (int label in classNames.Keys)
        {
            if (label != expected++)
                throw new DdoqException($"{path}: label {expected - 1} has no images, label {label} has", "labels run from 0 without gaps");
        }

        return new DistilledMetadata(path, rows, [.. classNames.Values]);
    }

    /// <summary>The scanned images in the order of the lines and with their labels.</summary>
    /// <exception cref="DdoqException">Lines and files do not match, or a folder has images of several labels.</exception>
    public ImageFolderIndex Reorder(ImageFolderIndex scanned)
    {
        var indexOf = new Dictionary<string, int>(scanned.FolderOf.Length, StringComparer.Ordinal);
        for (int i = 0; i < scanned.FolderOf.Length; i++)
            indexOf.Add(scanned.NameInPart(i), i);

        var names = new FileNameTable();
        var folderOf = new int[_rows.Count];
        var labelOfFolder = Enumerable.Repeat(-1, scanned.Folders.Length).ToArray();
        for (int row = 0; row < _rows.Count; row++)
        {
            (string name, int label) = _rows[row];
            if (!indexOf.Remove(name, out int index))
            {
                throw new DdoqException(
                    $"{_path} names {name}, which is not there or is named twice", "restore the file, or make the set again");
            }

            int folder = scanned.FolderOf[index];
            if (labelOfFolder[folder] >= 0 && labelOfFolder[folder] != label)
            {
                throw new DdoqException(
                    $"{_path}: {name} has label {label}, other images of its folder have {labelOfFolder[folder]}",
                    "a class folder has one label: make the set again");
            }

            labelOfFolder[folder] = label;
            folderOf[row] = folder;
            names.Add(scanned.Names[index]);
        }

        if (indexOf.Count > 0)
        {
            throw new DdoqException(
                $"{indexOf.Keys.Min(StringComparer.Ordinal)} and {indexOf.Count - 1} other images are not named in {_path}",
                "remove what does not belong to the set, or delete metadata.jsonl to read the folders alone");
        }

        return scanned with { Names = names, FolderOf = folderOf, LabelOfFolder = labelOfFolder, ClassNames = ClassNames };
    }

    private static (string Name, int Label, string ClassName)? Parse(string line, string path, int number)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object
                && root.TryGetProperty("file_name", out JsonElement name) && name.ValueKind == JsonValueKind.String
                && root.TryGetProperty("label", out JsonElement label) && label.ValueKind == JsonValueKind.Number && label.TryGetInt32(out int value)
                && root.TryGetProperty("class_name", out JsonElement className) && className.ValueKind == JsonValueKind.String
                ? (name.GetString()!, value, className.GetString()!)
                : null;
        }
        catch (JsonException e)
        {
            throw Broken(path, number, $"not JSON ({e.Message})", e);
        }
    }

    private static DdoqException Broken(string path, int number, string what, Exception? cause = null) =>
        new($"{path}, line {number}: {what}", "make the set again, or delete metadata.jsonl to read the folders alone", cause);
}
