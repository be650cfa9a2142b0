using System.Globalization;

namespace Ddoq.Pipeline;

/// <summary>Room on the disk of an output, looked at before work begins.</summary>
internal static class DiskSpace
{
    /// <summary>Refuses work whose result does not fit.</summary>
    /// <param name="folder">Folder of the result; it need not be there. What it holds already counts as written.</param>
    /// <param name="bytes">Size of the whole result, at most.</param>
    /// <param name="what">What needs the room, for the error text.</param>
    /// <exception cref="DdoqException">Less is free.</exception>
    public static void Require(string folder, long bytes, string what)
    {
        long needed = bytes - SizeOf(folder);
        if (needed <= 0 || FreeOn(folder) is not { } free || free >= needed)
            return;
        throw new DdoqException(
            $"{what} needs {Gigabytes(needed)} in '{folder}', its disk has {Gigabytes(free)} free",
            "Free that much, or choose an output folder on another disk.");
    }

    /// <summary>Bytes that are free for a folder; null where the system does not say.</summary>
    public static long? FreeOn(string folder)
    {
        string? existing = Path.GetFullPath(folder);
        while (existing is not null && !Directory.Exists(existing))
            existing = Path.GetDirectoryName(existing);
        try
        {
            return existing is null ? null : new DriveInfo(existing).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }

    private static long SizeOf(string folder) => Directory.Exists(folder)
        ? new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length)
        : 0;

    private static string Gigabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.###} GB");
}
