using System.Formats.Tar;

namespace Ddoq.Imaging;

/// <summary>Finds the files in a tar archive without reading them: a header of 512 bytes each.</summary>
/// <remarks>
/// POSIX (pax), GNU and old archives. Folders are passed over, and so are names that start with a dot, among them the
/// <c>._</c> files that macOS adds. The archive must be plain: in a compressed one nothing has a place.
/// </remarks>
internal static class TarIndex
{
    // Enough for a header and the small file behind it, such as a label.
    private const int BufferBytes = 4096;

    private const string Hint = "the download or copy was not finished, or the file is damaged: fetch it again";

    /// <summary>The names of the archives in a folder (<c>*.tar</c>), ordinal; none when it is not there.</summary>
    public static string[] ArchivesIn(string folder)
    {
        if (!Directory.Exists(folder))
            return [];
        string[] names = [.. Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)).Where(name => !name.StartsWith('.'))];
        Array.Sort(names, StringComparer.Ordinal);
        return [.. names.Where(name => name.EndsWith(".tar", StringComparison.OrdinalIgnoreCase))];
    }

    /// <summary>The files of an archive in its order.</summary>
    /// <exception cref="DdoqException">Thrown by the loop: truncated, damaged, no archive, or it cannot be read.</exception>
    public static IEnumerable<TarMember> Members(string path)
    {
        using FileStream file = DataFile.Guard(path, 0, static (_, path) => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes));
        using var reader = new TarReader(file, leaveOpen: true);
        long length = file.Length;
        string last = "";
        while (Next(reader, path, last) is { } entry)
        {
            string name = entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;
            last = name;
            if (entry.DataOffset >= 0 && entry.Length > length - entry.DataOffset)
            {
                throw new DdoqException(
                    $"{path} is truncated: {name} needs {entry.Length} bytes from byte {entry.DataOffset} on, the file has {length}", Hint);
            }

            if (Path.GetFileName(name).StartsWith('.'))
                continue;
            switch (entry.EntryType)
            {
                case TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile:
                    yield return entry.Length <= Array.MaxLength
                        ? new TarMember(name, Math.Max(0, entry.DataOffset), (int)entry.Length)
                        : throw new DdoqException($"{path}: {name} has {entry.Length} bytes, no image is that large", "check what the archive holds");
                    break;
                case TarEntryType.SymbolicLink or TarEntryType.HardLink:
                    throw new DdoqException($"{path}: {name} is a link to {entry.LinkName}", "pack the archive with tar --dereference --hard-dereference");
            }
        }
    }

    /// <summary>The contents of a small member, such as a label.</summary>
    public static byte[] ReadSmall(FileHandlePool files, string path, TarMember member)
    {
        byte[] content = new byte[member.Length];
        return files.Read(path, member.Offset, content)
            ? content
            : throw new DdoqException($"{path} is truncated in {member.Name}", Hint);
    }

    private static TarEntry? Next(TarReader reader, string path, string last)
    {
        try
        {
            return reader.GetNextEntry(copyData: false);
        }
        catch (EndOfStreamException e)
        {
            throw new DdoqException($"{path} is truncated {(last.Length == 0 ? "at its start" : $"behind {last}")}", Hint, e);
        }
        catch (Exception e) when (e is InvalidDataException or FormatException or IOException or NotSupportedException or ArgumentException)
        {
            throw new DdoqException($"{path} is no tar archive or damaged {(last.Length == 0 ? "at its start" : $"behind {last}")}: {e.Message}", Hint, e);
        }
    }
}

/// <summary>A file in a tar archive and where its bytes are.</summary>
/// <param name="Name">Its path in the archive, without a leading <c>./</c>.</param>
/// <param name="Offset">The byte of the archive at which its contents start.</param>
/// <param name="Length">Bytes of its contents.</param>
internal readonly record struct TarMember(string Name, long Offset, int Length);
