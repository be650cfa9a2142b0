using System.Text;

namespace Ddoq.Storage;

/// <summary>Writes files so that a reader sees the old content or the whole new content, never a part.</summary>
/// <remarks>
/// Each write goes to a temporary name in the same folder (<c>.{name}.{process}-{number}.partial</c>), is flushed to the
/// disk and renamed. A run that is killed leaves at most such a temporary file, which <see cref="CleanPartials"/> of the
/// next run removes. All members are safe to call from several threads and processes.
/// </remarks>
public static class AtomicFile
{
    private const int BufferSize = 64 * 1024;

    /// <summary>Writes a file through a callback.</summary>
    /// <param name="path">The file; an existing one is replaced. Its folder must exist.</param>
    /// <param name="write">Writes the content; it may close the stream or leave it open. When it throws, nothing is left behind.</param>
    /// <param name="flushToDisk">
    /// False leaves the flush to the operating system: after a power failure (not after a killed process) the file may
    /// then be there with missing content. For many small files whose loss the next run notices.
    /// </param>
    /// <exception cref="DdoqException">The folder is missing or forbidden, or the disk is full or read-only.</exception>
    public static void Write(string path, Action<Stream> write, bool flushToDisk = true)
    {
        ArgumentNullException.ThrowIfNull(write);
        using var file = PartialFile.Create(path, BufferSize);
        try
        {
            write(file.Stream);
        }
        catch (Exception e) when (StorageErrors.IsStreamFailure(e))
        {
            throw StorageErrors.CannotWrite(path, e);
        }

        file.Commit(flushToDisk);
    }

    /// <summary>Writes text as UTF-8 without a byte order mark; line ends are written as given.</summary>
    /// <inheritdoc cref="Write" path="/exception"/>
    public static void WriteAllText(string path, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        WriteAllBytes(path, Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Writes bytes.</summary>
    /// <inheritdoc cref="Write" path="/exception"/>
    public static void WriteAllBytes(string path, ReadOnlySpan<byte> bytes)
    {
        using var file = PartialFile.Create(path, bufferSize: 0);
        try
        {
            file.Stream.Write(bytes);
        }
        catch (Exception e) when (StorageErrors.IsStreamFailure(e))
        {
            throw StorageErrors.CannotWrite(path, e);
        }

        file.Commit(flushToDisk: true);
    }

    /// <summary>Lets the large files of this process (shards, prototypes, soft labels, checkpoints) be written in a folder of a fast local disk and copied whole beside their place when they are done.</summary>
    /// <remarks>For outputs on slow network file systems: they then see one sequential write and a rename. What is unfinished stays on the local disk.</remarks>
    /// <param name="folder">The folder; created when missing. Leftovers of killed runs in it are removed.</param>
    /// <exception cref="DdoqException">It cannot be created or listed.</exception>
    public static void StageIn(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotWrite(folder, e);
        }

        CleanPartials(folder);
        PartialFile.StagingFolder = Path.GetFullPath(folder);
    }

    /// <summary>Removes temporary files that killed runs left behind; those of live writers are locked and stay.</summary>
    /// <param name="folder">The folder; nothing happens when it does not exist.</param>
    /// <param name="recursive">Looks into its subfolders too.</param>
    /// <returns>The number of files removed.</returns>
    /// <exception cref="DdoqException">The folder cannot be listed.</exception>
    public static int CleanPartials(string folder, bool recursive = false)
    {
        if (!Directory.Exists(folder))
            return 0;
        int removed = 0;
        try
        {
            // Hidden files are what is looked for, so the default attributes to skip must not apply.
            var options = new EnumerationOptions { RecurseSubdirectories = recursive, AttributesToSkip = 0, IgnoreInaccessible = true };
            foreach (string path in Directory.EnumerateFiles(folder, ".*" + PartialFile.Suffix, options))
            {
                if (PartialFile.IsPartialName(Path.GetFileName(path.AsSpan())) && TryRemoveUnlocked(path))
                    removed++;
            }
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotList(folder, e);
        }

        return removed;
    }

    private static bool TryRemoveUnlocked(string path)
    {
        try
        {
            // Removed while the lock is held: whoever creates the file at this moment sees one or the other.
            using (new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose))
            {
            }

            return true;
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            return false;
        }
    }
}
