using Ddoq.Storage;
using Microsoft.Win32.SafeHandles;

namespace Ddoq.Imaging;

/// <summary>Opens the user's files: regular ones only, and with errors that name the file.</summary>
/// <remarks>
/// Pipes, sockets and devices have no length, and opening one may never return. An empty file is refused with them: nothing that is
/// read here may be empty.
/// </remarks>
internal static class DataFile
{
    /// <summary>Deflate cannot expand by more; a header that claims more than this is wrong, and nobody must allocate for it.</summary>
    public const long MaximumDeflateRatio = 1032;

    private const string AnnexObjects = "/annex/objects/";

    /// <summary>Opens a file for reading at any place.</summary>
    /// <exception cref="DdoqException">Not there, empty, not a regular file, or not to be read.</exception>
    public static SafeFileHandle OpenHandle(string path, FileOptions options = FileOptions.None) => Guard(path, options, static (options, path) =>
        HasContents(path) ? File.OpenHandle(path, options: options) : throw Empty(path));

    /// <summary>Opens a file for reading from its start.</summary>
    /// <inheritdoc cref="OpenHandle" path="/exception"/>
    public static FileStream Open(string path, int bufferBytes = 4096) => Guard(path, bufferBytes, static (bufferBytes, path) =>
        HasContents(path) ? new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferBytes) : throw Empty(path));

    /// <summary>Reads a whole file.</summary>
    /// <inheritdoc cref="OpenHandle" path="/exception"/>
    public static byte[] ReadAllBytes(string path) => Guard(path, 0, static (_, path) => HasContents(path) ? File.ReadAllBytes(path) : throw Empty(path));

    /// <summary>Reads a whole image file.</summary>
    /// <exception cref="DamagedImageException">Empty or not a regular file.</exception>
    /// <exception cref="DdoqException">Not there, or not to be read.</exception>
    public static byte[] ReadImage(string path) => Guard(path, 0, static (_, path) => HasContents(path) ? File.ReadAllBytes(path) : throw EmptyImage(path));

    /// <summary>Reads the first bytes of an image file; fewer where it is shorter.</summary>
    /// <inheritdoc cref="ReadImage" path="/exception"/>
    public static byte[] ReadImageStart(string path, int most) => Guard(path, most, static (most, path) =>
    {
        if (!HasContents(path))
            throw EmptyImage(path);
        using FileStream stream = File.OpenRead(path);
        byte[] start = new byte[most];
        return start[..stream.ReadAtLeast(start, most, throwOnEndOfStream: false)];
    });

    /// <summary>Reads the lines of a text; none where there is no content to read.</summary>
    /// <exception cref="DdoqException">Not there, or not to be read.</exception>
    public static string[] ReadAllLines(string path) => Guard(path, 0, static (_, path) => HasContents(path) ? File.ReadAllLines(path) : []);

    /// <summary>The <see cref="ContentSample"/> of a file; of an empty one that of no bytes.</summary>
    /// <exception cref="DdoqException">Not there, or not to be read.</exception>
    public static byte[] SampleOf(string path) => Guard(path, 0, static (_, path) =>
    {
        if (!HasContents(path))
            return ContentSample.Of(0, static (_, _) => { });
        using SafeFileHandle file = File.OpenHandle(path, options: FileOptions.RandomAccess);
        return ContentSample.Of(RandomAccess.GetLength(file), (offset, target) =>
        {
            while (target.Length > 0)
            {
                int got = RandomAccess.Read(file, target, offset);
                if (got == 0)
                    throw new DdoqException($"{path} became shorter while it was read", "do not change the data during a run");
                offset += got;
                target = target[got..];
            }
        });
    });

    /// <summary>Runs a reader; what the file system throws becomes an error that names the file.</summary>
    /// <exception cref="DdoqException">The file cannot be read.</exception>
    public static TResult Guard<TState, TResult>(string path, TState state, Func<TState, string, TResult> read)
    {
        try
        {
            return read(state, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw IsAnnexLink(path)
                ? GitPointer.Annexed(path)
                : new DdoqException($"{path} cannot be read: {e.Message}", "check that it is there and that you may read it", e);
        }
    }

    // The length of a link is that of its text.
    private static bool HasContents(string path)
    {
        var file = new FileInfo(path);
        return (file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file).Length > 0;
    }

    private const string NoContents = "is empty, or no regular file but a pipe, a socket or a device";

    private static DamagedImageException EmptyImage(string path) => new(path, $"the file {NoContents}");

    private static DdoqException Empty(string path) =>
        new($"{path} {NoContents}", "fetch the file again, or remove what is no data");

    private static bool IsAnnexLink(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget?.Contains(AnnexObjects, StringComparison.Ordinal) == true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
