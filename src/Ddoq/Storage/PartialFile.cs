using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ddoq.Storage;

/// <summary>A file under its temporary name: <see cref="Commit"/> gives it its real name, disposing without removes it.</summary>
/// <remarks>
/// The temporary name is <c>.{name}.{process}-{number}.partial</c> in the same folder, so the rename never crosses disks.
/// The open handle holds a shared lock until the rename is done: <see cref="AtomicFile.CleanPartials"/> of another process
/// takes a file that it cannot lock for itself for a live one and leaves it alone. The lock is not exclusive, because the
/// file has its real name for a moment before it is closed, and a reader that comes then must not be refused. Between
/// creating and locking a file a cleaner may come first; the name is then gone or the lock refused, and the next number is
/// taken.
/// </remarks>
internal sealed class PartialFile : IDisposable
{
    public const string Suffix = ".partial";
    private const int NameAttempts = 1000;

    // What a refused lock (EWOULDBLOCK) leaves in IOException.HResult on Linux and macOS.
    private const int LinuxLocked = 11;
    private const int MacLocked = 35;
    private static int s_number;
    private readonly string _path;
    private readonly string _partialPath;
    private readonly KeptOpenStream _stream;
    private bool _closed;

    private readonly bool _isStaged;

    private PartialFile(string path, string partialPath, KeptOpenStream stream, bool isStaged)
    {
        _isStaged = isStaged;
        _path = path;
        _partialPath = partialPath;
        _stream = stream;
    }

    /// <summary>The content; disposing it only flushes it, so that a writer which owns its stream may be used on it.</summary>
    public FileStream Stream => _stream;

    /// <summary>Where large files are written before they are copied beside their place; null writes them there at once.</summary>
    public static string? StagingFolder { get; set; }

    /// <summary>Creates the temporary file of <paramref name="path"/>.</summary>
    /// <param name="path">The file's real name.</param>
    /// <param name="bufferSize">Of its stream.</param>
    /// <param name="isLarge">Whether it may be written in <see cref="StagingFolder"/> first.</param>
    /// <exception cref="DdoqException">The folder is missing, read-only, forbidden or full, or a folder has that name.</exception>
    public static PartialFile Create(string path, int bufferSize, bool isLarge = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = Path.GetFullPath(path);
        if (Directory.Exists(full))
            throw StorageErrors.CannotWrite(path, new IOException("it is a folder"));
        string? staging = isLarge ? StagingFolder : null;
        string folder = staging ?? Path.GetDirectoryName(full)!;
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            // Network file systems grant a shared lock only to a handle that may read.
            Access = FileAccess.ReadWrite,
            // Windows renames an open file only when it was opened for sharing deletion; elsewhere Read means a shared lock.
            Share = OperatingSystem.IsWindows() ? FileShare.Read | FileShare.Delete : FileShare.Read,
            BufferSize = bufferSize,
        };
        for (int attempt = 1; ; attempt++)
        {
            int number = Interlocked.Increment(ref s_number);
            string partialPath = Path.Combine(folder, string.Create(
                CultureInfo.InvariantCulture, $".{Path.GetFileName(full)}.{Environment.ProcessId}-{number}{Suffix}"));
            try
            {
                var stream = new KeptOpenStream(partialPath, options);
                if (File.Exists(partialPath))
                    return new PartialFile(path, partialPath, stream, staging is not null);
                stream.CloseReally();
            }
            catch (IOException e) when (attempt < NameAttempts && (File.Exists(partialPath) || e.HResult is LinuxLocked or MacLocked))
            {
                // A leftover of an earlier process with the same id, or a cleaner: take the next number.
            }
            catch (Exception e) when (StorageErrors.IsFileFailure(e))
            {
                throw StorageErrors.CannotWrite(path, e);
            }
        }
    }

    /// <summary>True when a file name was made by this class.</summary>
    public static bool IsPartialName(ReadOnlySpan<char> name)
    {
        if (name.Length == 0 || name[0] != '.' || !name.EndsWith(Suffix, StringComparison.Ordinal))
            return false;
        ReadOnlySpan<char> stem = name[..^Suffix.Length];
        int dot = stem.LastIndexOf('.');
        if (dot < 2)
            return false;
        ReadOnlySpan<char> writer = stem[(dot + 1)..];
        int dash = writer.IndexOf('-');
        return dash > 0 && dash < writer.Length - 1
            && !writer[..dash].ContainsAnyExceptInRange('0', '9')
            && !writer[(dash + 1)..].ContainsAnyExceptInRange('0', '9');
    }

    /// <summary>Flushes (to the disk itself when asked), renames over the real name and closes.</summary>
    /// <exception cref="InvalidOperationException">The file was committed or disposed before.</exception>
    public void Commit(bool flushToDisk)
    {
        if (_closed)
            throw new InvalidOperationException($"'{_path}' is completed or disposed already");
        try
        {
            if (_isStaged)
            {
                CommitStaged(flushToDisk);
                return;
            }

            if (flushToDisk)
                DiskFlush.Flush(_stream);
            else
                _stream.Flush();
            File.Move(_partialPath, _path, overwrite: true);
            _closed = true;
            _stream.CloseReally();
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotWrite(_path, e);
        }
    }

    // A rename does not cross file systems: the copy gets a temporary name beside its place.
    private void CommitStaged(bool flushToDisk)
    {
        const int CopyBytes = 8 << 20;
        _stream.Flush();
        _stream.Position = 0;
        using (PartialFile near = Create(_path, bufferSize: 0))
        {
            _stream.CopyTo(near.Stream, CopyBytes);
            near.Commit(flushToDisk);
        }

        _closed = true;
        _stream.CloseReally();
        File.Delete(_partialPath);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_closed)
            return;
        _closed = true;
        try
        {
            // A buffered stream flushes here and fails again on a full disk; the first failure is already reported.
            _stream.CloseReally();
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
        }

        try
        {
            File.Delete(_partialPath);
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            // Left for CleanPartials of the next run.
        }
    }

    private sealed class KeptOpenStream(string path, FileStreamOptions options) : FileStream(path, options)
    {
        private bool _keepOpen = true;

        public void CloseReally()
        {
            _keepOpen = false;
            Dispose();
        }

        protected override void Dispose(bool disposing)
        {
            if (!_keepOpen)
                base.Dispose(disposing);
            else if (disposing)
                Flush();
        }
    }
}

/// <summary>Flushes a file to the disk itself, and says so when the disk refuses.</summary>
/// <remarks>
/// On Linux <see cref="FileStream.Flush(bool)"/> of .NET 10 loses a failure of <c>fsync</c>: its native part keeps the outcome of a
/// comparison instead of the result. So the function is called here.
/// </remarks>
internal static unsafe class DiskFlush
{
    // errno
    private const int Interrupted = 4;
    private const int InputOutput = 5;
    private const int Invalid = 22;
    private const int ReadOnly = 30;
    private const int NotSupported = 95;
    private static readonly delegate* unmanaged<int, int> s_fsync = OperatingSystem.IsLinux()
        ? (delegate* unmanaged<int, int>)NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "fsync")
        : null;

    /// <summary>Flushes a stream's buffer and its file.</summary>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    public static void Flush(FileStream stream)
    {
        if (s_fsync == null)
        {
            stream.Flush(flushToDisk: true);
            return;
        }

        stream.Flush();
        SafeFileHandle handle = stream.SafeFileHandle;
        int error;
        do
        {
            Marshal.SetLastSystemError(0);
            error = s_fsync((int)handle.DangerousGetHandle()) == 0 ? 0 : Marshal.GetLastSystemError() is > 0 and var reason ? reason : InputOutput;
        }
        while (error == Interrupted);
        GC.KeepAlive(handle);

        // Special files have nothing to flush.
        if (error is not (0 or Invalid or ReadOnly or NotSupported))
            throw new IOException(Marshal.GetPInvokeErrorMessage(error), error);
    }
}
