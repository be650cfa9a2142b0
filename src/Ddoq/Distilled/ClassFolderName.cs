using System.Text;
using Ddoq.Storage;

namespace Ddoq.Distilled;

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
