using System.Globalization;
using System.Text;
using Ddoq.Latents;
using Ddoq.Storage;

namespace Ddoq.Distilled;

/// <summary>The folder of each class of a distilled set, and the number that image folder readers will give it.</summary>
/// <remarks>
/// <para>Folders are named by <see cref="ClassFolderName.For"/>. When two classes get the same folder (also when they
/// differ in upper and lower case only, which some file systems do not tell apart), the class whose name needed no change
/// keeps it, else the lower label; the others get <c>_2</c>, <c>_3</c> and so on behind it.</para>
/// <para>torchvision's <c>ImageFolder</c> and timm number classes by the order of their folders' names, by code point.
/// When that is not the order of the labels, a student trained with one and tested with the other is wrong without any
/// error: <see cref="Warning"/> says so, and <c>train/metadata.jsonl</c> always carries the label.</para>
/// </remarks>
public sealed class ClassFolders
{
    private readonly string[] _folders;
    private readonly int[] _imageFolderIndex;

    /// <summary>Names the folders.</summary>
    /// <param name="classNames">Class names in label order.</param>
    /// <param name="imageCounts">Images per class; a class without images has no folder. Null: every class has one.</param>
    /// <exception cref="ArgumentException">There is not one count per class.</exception>
    /// <exception cref="DdoqException">Two classes have the same name.</exception>
    public ClassFolders(IReadOnlyList<string> classNames, IReadOnlyList<int>? imageCounts = null)
    {
        ArgumentNullException.ThrowIfNull(classNames);
        LatentMetadata.CheckNames("the distilled set", classNames);
        if (imageCounts is not null && imageCounts.Count != classNames.Count)
            throw new ArgumentException($"{classNames.Count} classes but {imageCounts.Count} counts", nameof(imageCounts));
        _folders = NameAll(classNames);
        _imageFolderIndex = new int[classNames.Count];
        Array.Fill(_imageFolderIndex, -1);
        int[] sorted = [.. Enumerable.Range(0, classNames.Count)
            .Where(label => imageCounts is null || imageCounts[label] > 0)
            .OrderBy(label => _folders[label], CodePointOrder.Instance)];
        for (int i = 0; i < sorted.Length; i++)
            _imageFolderIndex[sorted[i]] = i;

        int moved = Enumerable.Range(0, classNames.Count).FirstOrDefault(label => _imageFolderIndex[label] >= 0 && _imageFolderIndex[label] != label, -1);
        if (moved >= 0)
        {
            Warning = $"readers that number classes by folder (torchvision's ImageFolder, timm) give class {StorageErrors.Quote(classNames[moved])} the number "
                + $"{_imageFolderIndex[moved]}, its label is {moved}: with such a reader take the label from {DistilledSet.TrainFolder}/{DistilledSet.MetadataFileName}";
        }
    }

    /// <summary>The folder of each class, in label order.</summary>
    public IReadOnlyList<string> Names => _folders;

    /// <summary>What to tell the user when folder order and label order differ; null when they agree.</summary>
    public string? Warning { get; }

    /// <summary>The image's path relative to <c>train</c>, with '/': <c>T-shirt_top/07.png</c>.</summary>
    /// <param name="label">The class.</param>
    /// <param name="prototype">The prototype's number within the class.</param>
    /// <param name="imagesPerClass">The largest number of images of a class: numbers are zero-padded to its width, two digits at least, so that names sort.</param>
    /// <param name="extension">With the dot.</param>
    /// <exception cref="ArgumentOutOfRangeException">The class does not exist, or the prototype is not below <paramref name="imagesPerClass"/>.</exception>
    public string FileName(int label, int prototype, int imagesPerClass, string extension = ".png")
    {
        LatentErrors.CheckClass(label, _folders.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)prototype, (uint)imagesPerClass, nameof(prototype));
        int width = Math.Max(2, (imagesPerClass - 1).ToString(CultureInfo.InvariantCulture).Length);
        return _folders[label] + "/" + prototype.ToString("D" + width, CultureInfo.InvariantCulture) + extension;
    }

    private static string[] NameAll(IReadOnlyList<string> classNames)
    {
        string[] folders = new string[classNames.Count];
        var taken = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        for (int label = 0; label < folders.Length; label++)
        {
            if (ClassFolderName.For(classNames[label]) == classNames[label] && taken.Add(classNames[label]))
                folders[label] = classNames[label];
        }

        for (int label = 0; label < folders.Length; label++)
        {
            if (folders[label] is not null)
                continue;
            string folder = ClassFolderName.For(classNames[label]), candidate = folder;
            for (int number = 2; !taken.Add(candidate); number++)
                candidate = folder + "_" + number.ToString(CultureInfo.InvariantCulture);
            folders[label] = candidate;
        }

        return folders;
    }
}

/// <summary>Compares texts by their code points, as Python and so torchvision's <c>ImageFolder</c> sort them.</summary>
/// <remarks>The order of UTF-16, .NET's ordinal one, has what lies beyond the basic plane before U+E000.</remarks>
public sealed class CodePointOrder : IComparer<string>
{
    /// <summary>The order.</summary>
    public static CodePointOrder Instance { get; } = new();

    /// <inheritdoc/>
    public int Compare(string? x, string? y)
    {
        if (x is null || y is null)
            return (x is null ? 0 : 1) - (y is null ? 0 : 1);
        int same = x.AsSpan().CommonPrefixLength(y);
        if (same == x.Length || same == y.Length)
            return x.Length.CompareTo(y.Length);

        // A surrogate stands for a code point above all others.
        bool first = char.IsSurrogate(x[same]), second = char.IsSurrogate(y[same]);
        return first == second ? x[same].CompareTo(y[same]) : first ? 1 : -1;
    }
}

/// <summary>Turns a class name into a folder name that every file system and shell takes.</summary>
/// <remarks>
/// <para>A name that is safe already stays as it is. Otherwise, in this order:</para>
/// <list type="number">
/// <item>each of <c>/ \ : * ? " &lt; &gt; |</c>, control characters and broken surrogates become <c>_</c>
/// (<c>T-shirt/top</c> gives <c>T-shirt_top</c>);</item>
/// <item>white space at both ends and dots at the end are dropped, a dot at the start becomes <c>_</c>;</item>
/// <item>nothing left gives <c>_</c>;</item>
/// <item>names that Windows reserves for devices (<c>con</c>, <c>nul</c>, <c>com1</c> and so on, with any extension) and
/// the names <c>metadata.jsonl</c>, <c>metadata.csv</c> and <c>metadata.parquet</c>, which readers of image folders look
/// for, get <c>_</c> in front;</item>
/// <item>more than 200 bytes of UTF-8 are cut to 191, followed by <c>-</c> and the first 8 digits of the SHA-256 of the
/// class name.</item>
/// </list>
/// <para>Two classes may still get the same folder: <see cref="ClassFolders"/> tells them apart.</para>
/// </remarks>
public static class ClassFolderName
{
    private const string Unsafe = "/\\:*?\"<>|";
    private const int LongestBytes = 200;
    private const int HashDigits = 8;

    /// <summary>The folder name of a class; applying it again changes nothing.</summary>
    public static string For(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var safe = new StringBuilder(name.Length);
        foreach (Rune rune in name.EnumerateRunes())
            safe.Append(Rune.IsControl(rune) || rune == Rune.ReplacementChar || Unsafe.Contains(rune.ToString(), StringComparison.Ordinal) ? "_" : rune.ToString());
        string folder = TrimEnds(safe.ToString());
        if (folder.StartsWith('.'))
            folder = "_" + folder[1..];
        if (folder.Length == 0)
            folder = "_";
        if (IsReserved(folder))
            folder = "_" + folder;
        return Encoding.UTF8.GetByteCount(folder) <= LongestBytes ? folder : Cut(folder) + "-" + ContentHash.OfText(name)[..HashDigits];
    }

    private static string TrimEnds(string text)
    {
        text = text.TrimStart();
        int end = text.Length;
        while (end > 0 && (text[end - 1] == '.' || char.IsWhiteSpace(text[end - 1])))
            end--;
        return text[..end];
    }

    private static bool IsReserved(string folder)
    {
        string upper = folder.ToUpperInvariant();
        if (upper is "METADATA.JSONL" or "METADATA.CSV" or "METADATA.PARQUET")
            return true;
        string stem = upper.Split('.', 2)[0].TrimEnd();
        return stem is "CON" or "PRN" or "AUX" or "NUL"
            || (stem.Length == 4 && (stem.StartsWith("COM", StringComparison.Ordinal) || stem.StartsWith("LPT", StringComparison.Ordinal)) && char.IsAsciiDigit(stem[3]));
    }

    private static string Cut(string folder)
    {
        int bytes = 0, length = 0;
        foreach (Rune rune in folder.EnumerateRunes())
        {
            bytes += rune.Utf8SequenceLength;
            if (bytes > LongestBytes - HashDigits - 1)
                break;
            length += rune.Utf16SequenceLength;
        }

        return folder[..length];
    }
}
