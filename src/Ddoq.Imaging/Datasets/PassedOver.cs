using Ddoq.Distilled;

namespace Ddoq.Imaging;

/// <summary>Files or images of one kind that are worth a word: passed over, or read and odd.</summary>
/// <param name="Kind">What they are, in the plural, for example <c>.gif images, which are not read</c>.</param>
/// <param name="Count">How many.</param>
/// <param name="Example">The first of them by name, below the data folder.</param>
public readonly record struct DataRemark(string Kind, int Count, string Example)
{
    /// <summary>For messages.</summary>
    public override string ToString() => $"{Count} {Kind}; for example {Example}";
}

/// <summary>Counts files by kind. Safe for concurrent use; the result does not depend on the order of calls.</summary>
internal sealed class RemarkCounter
{
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, (int Count, string Example)> _kinds = new(StringComparer.Ordinal);
    private readonly HashSet<(string Kind, int Index)> _images = [];

    /// <summary>Counts one file.</summary>
    public void Add(string kind, string name)
    {
        lock (_gate)
        {
            _kinds[kind] = _kinds.TryGetValue(kind, out (int Count, string Example) found)
                ? (found.Count + 1, CodePointOrder.Instance.Compare(name, found.Example) < 0 ? name : found.Example)
                : (1, name);
        }
    }

    /// <summary>Counts an image, however often it is read.</summary>
    public void AddImage(string kind, int index, string name)
    {
        lock (_gate)
        {
            if (_images.Add((kind, index)))
                Add(kind, name);
        }
    }

    /// <summary>What was counted so far, by kind.</summary>
    public IReadOnlyList<DataRemark> ToList()
    {
        lock (_gate)
            return [.. _kinds.Select(pair => new DataRemark(pair.Key, pair.Value.Count, pair.Value.Example))];
    }
}

/// <summary>Tells by its name whether a file or folder is data, and what it is when it is not.</summary>
internal static class FileKinds
{
    /// <summary>Files whose names another character set wrote: their paths cannot be opened.</summary>
    public const string NotUtf8 = "files whose names are not UTF-8";

    /// <summary>Images beside the class folders.</summary>
    public const string OutsideClasses = "images outside the class folders";

    /// <summary>Samples of a shard that have a label and no image.</summary>
    public const string WithoutImage = "samples with a label and no image";

    private const string Hidden = "hidden files and folders";

    // Put there by a file server, an archiver or a file system; a class would hardly be called so.
    private static readonly HashSet<string> s_systemFolders = new(StringComparer.OrdinalIgnoreCase)
    {
        "@eaDir", "#recycle", "#snapshot", "__MACOSX", "lost+found", "$RECYCLE.BIN", "RECYCLER", "System Volume Information",
    };

    private static readonly HashSet<string> s_otherImages = new(StringComparer.OrdinalIgnoreCase)
    {
        ".gif", ".jfif", ".jif", ".jpe", ".jp2", ".j2k", ".jxl", ".avif", ".heic", ".heif", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico",
        ".svg", ".psd", ".exr", ".hdr", ".pfm", ".dds", ".dng", ".cr2", ".nef", ".arw", ".dcm",
    };

    /// <summary>Why a folder is passed over; null when it is not.</summary>
    public static string? OfFolder(ReadOnlySpan<char> name) =>
        name.StartsWith('.') ? Hidden
        : s_systemFolders.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out string? system) ? $"folders of the system ({system})"
        : null;

    /// <summary>True for an image of a format that is not read, by its name.</summary>
    public static bool IsOtherImage(string name) => s_otherImages.Contains(Path.GetExtension(name));

    /// <summary>Why a file is passed over; null for an image that is read.</summary>
    public static string? OfFile(string name)
    {
        if (name.StartsWith('.'))
            return Hidden;
        if (ImageSignature.HasImageExtension(name))
            return null;
        string extension = Path.GetExtension(name).ToLowerInvariant();
        return IsOtherImage(name) ? $"{extension} images, which are not read"
            : extension.Length > 0 ? $"{extension} files, which are no images"
            : "files without an extension";
    }

    /// <summary>Why a member of an archive is passed over by its path, whatever it holds; null when it is not.</summary>
    public static string? OfMemberPath(string path)
    {
        ReadOnlySpan<char> rest = path;
        while (true)
        {
            int slash = rest.IndexOf('/');
            ReadOnlySpan<char> part = slash < 0 ? rest : rest[..slash];
            if (part is not ("." or "..") && OfFolder(part) is { } kind)
                return kind;
            if (slash < 0)
                return null;
            rest = rest[(slash + 1)..];
        }
    }
}
