using System.Globalization;

namespace Ddoq.Storage;

/// <summary>Words the failures of files: which file, why, what to do.</summary>
internal static class StorageErrors
{
    // IOException.HResult is the raw errno on Unix and the HRESULT of the Win32 code on Windows.
    private const int UnixNoSpace = 28;
    private const int UnixReadOnly = 30;
    private const int LinuxQuota = 122;
    private const int MacQuota = 69;
    private const int WindowsDiskFull = unchecked((int)0x80070070);
    private const int WindowsHandleDiskFull = unchecked((int)0x80070027);
    private const int WindowsWriteProtect = unchecked((int)0x80070013);

    /// <summary>True for the exceptions that opening, reading, writing or renaming a file may throw.</summary>
    public static bool IsFileFailure(Exception exception) =>
        exception is IOException or UnauthorizedAccessException or NotSupportedException or System.Security.SecurityException;

    /// <summary>True for what writing to an already open stream may throw (not: a missing or forbidden other file).</summary>
    public static bool IsStreamFailure(Exception exception) =>
        exception is IOException
            and not FileNotFoundException and not DirectoryNotFoundException
            and not EndOfStreamException and not PathTooLongException;

    public static DdoqException CannotWrite(string path, Exception cause)
    {
        string start = $"cannot write '{path}': ";
        if (Directory.Exists(path))
            return new DdoqException(start + "a folder of that name is in the way", "Remove the folder or choose another output folder.", cause);
        if (cause is DirectoryNotFoundException or FileNotFoundException)
        {
            string? parent = Path.GetDirectoryName(Path.GetFullPath(path));
            return Directory.Exists(parent)
                ? new DdoqException(start + "its temporary file disappeared while it was written", "Let no other program clean this folder during a run; then run again.", cause)
                : new DdoqException(start + $"the folder '{parent}' does not exist", "Create the folder or choose another output folder.", cause);
        }

        return cause.HResult switch
        {
            UnixNoSpace or WindowsDiskFull or WindowsHandleDiskFull => new DdoqException(
                start + $"no space left on its disk ({FreeBytes(path)} free)",
                "Free some space or choose an output folder on another disk, then run again: finished files are kept.", cause),
            LinuxQuota or MacQuota => new DdoqException(
                start + $"the disk quota is used up ({FreeBytes(path)} free)",
                "Free some space or ask for more, then run again: finished files are kept.", cause),
            UnixReadOnly or WindowsWriteProtect => new DdoqException(
                start + "its disk is mounted read-only", "Choose an output folder on a writable disk.", cause),
            _ when cause is UnauthorizedAccessException => new DdoqException(
                start + "permission denied", "Give yourself write permission on the folder or choose another output folder.", cause),
            _ when cause is PathTooLongException => new DdoqException(
                start + "the name is too long for the file system", "Choose a shorter output folder or shorter class names.", cause),
            _ => new DdoqException(start + cause.Message, "Check the disk, then run again: finished files are kept.", cause),
        };
    }

    public static DdoqException CannotRead(string path, Exception cause)
    {
        string start = $"cannot read '{path}': ";
        if (Directory.Exists(path))
            return new DdoqException(start + "it is a folder, a file is expected", "Give the path of the file itself.", cause);
        return cause switch
        {
            FileNotFoundException or DirectoryNotFoundException => new DdoqException(
                start + "no such file", "Check the path, or run the stage that makes it.", cause),
            UnauthorizedAccessException => new DdoqException(
                start + "permission denied", "Give yourself read permission on it.", cause),
            _ => new DdoqException(start + cause.Message, "Check the disk and that no other program holds the file.", cause),
        };
    }

    public static DdoqException CannotList(string folder, Exception cause) => new(
        $"cannot list the folder '{folder}': {(cause is UnauthorizedAccessException ? "permission denied" : cause.Message)}",
        "Check the folder and its permissions.", cause);

    /// <summary>Quotes a name from a file for a message: control characters replaced, long names cut.</summary>
    public static string Quote(string name)
    {
        const int Longest = 80;
        string cut = name.Length <= Longest ? name : name[..Longest] + "...";
        return "'" + string.Concat(cut.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)) + "'";
    }

    private static string FreeBytes(string path)
    {
        try
        {
            string full = Path.GetFullPath(path);
            string place = OperatingSystem.IsWindows() ? Path.GetPathRoot(full)! : Path.GetDirectoryName(full)!;
            return string.Create(CultureInfo.InvariantCulture, $"{new DriveInfo(place).AvailableFreeSpace:N0} bytes");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return "an unknown number of bytes";
        }
    }
}

/// <summary>The small texts that Git LFS and git-annex keep in place of a large file until it is fetched.</summary>
public static class GitPointer
{
    /// <summary>The first bytes of a file that tell a pointer.</summary>
    public const int Length = 24;

    /// <summary>Refuses a pointer where its file should be.</summary>
    /// <param name="start">The first bytes of the file; fewer than <see cref="Length"/> where it is shorter.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="DdoqException">The file is such a pointer; the hint says how to fetch what it stands for.</exception>
    public static void Refuse(ReadOnlySpan<byte> start, string path)
    {
        if (start.StartsWith("version https://git-lfs"u8))
            throw new DdoqException($"{path} is a pointer of Git LFS, its contents were not fetched", "run 'git lfs pull' in the repository it comes from");
        if (start.StartsWith("/annex/objects/"u8))
            throw Annexed(path);
    }

    /// <summary>Refuses a pointer where an open file should be, which is left at its beginning.</summary>
    /// <param name="file">The file.</param>
    /// <exception cref="DdoqException">The file is such a pointer.</exception>
    public static void Refuse(FileStream file)
    {
        ArgumentNullException.ThrowIfNull(file);
        Span<byte> start = stackalloc byte[Length];
        Refuse(start[..file.ReadAtLeast(start, Length, throwOnEndOfStream: false)], file.Name);
        file.Position = 0;
    }

    /// <summary>The error for a link or pointer of git-annex.</summary>
    public static DdoqException Annexed(string path) =>
        new($"{path} is a pointer of git-annex, its contents were not fetched", "run 'git annex get' in the repository it comes from");
}
