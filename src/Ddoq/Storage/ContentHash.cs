using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Ddoq.Storage;

/// <summary>SHA-256 of files and folders as 64 lower-case hexadecimal digits: what results are traced back to.</summary>
/// <remarks>Streams with a fixed buffer, whatever the size. Dates, owners and permissions do not enter.</remarks>
public static class ContentHash
{
    private const int BufferSize = 1 << 20;

    /// <summary>The hash of some bytes.</summary>
    public static string OfBytes(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>The hash of a text's UTF-8 bytes.</summary>
    public static string OfText(string text) => OfBytes(Encoding.UTF8.GetBytes(text));

    /// <summary>The hash of a file's content, as <c>sha256sum</c> prints it.</summary>
    /// <exception cref="DdoqException">The file is missing or cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static string OfFile(string path, CancellationToken cancellationToken = default)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (int read; (read = stream.Read(buffer)) > 0;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                hash.AppendData(buffer, 0, read);
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotRead(path, e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The hash of a folder: every file's relative path and content, in ordinal order of the paths.</summary>
    /// <remarks>Reads every byte.</remarks>
    /// <inheritdoc cref="OfFile" path="/exception"/>
    public static string OfFolder(string folder, CancellationToken cancellationToken = default) =>
        Combine(folder, path => OfFile(path, cancellationToken));

    // Each entry is (path length, path, file length, content hash): no two listings give the same bytes.
    private static string Combine(string folder, Func<string, string> contentOf)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[8];
        foreach ((string relative, string path, long length) in List(folder))
        {
            byte[] name = Encoding.UTF8.GetBytes(relative);
            BinaryPrimitives.WriteInt64LittleEndian(number, name.Length);
            hash.AppendData(number);
            hash.AppendData(name);
            BinaryPrimitives.WriteInt64LittleEndian(number, length);
            hash.AppendData(number);
            hash.AppendData(Encoding.ASCII.GetBytes(contentOf(path)));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static List<(string Relative, string Path, long Length)> List(string folder)
    {
        if (File.Exists(folder) || !Directory.Exists(folder))
            throw new DdoqException($"cannot read '{folder}': no such folder", "Check the path, or run the stage that makes it.");
        var entries = new List<(string Relative, string Path, long Length)>();
        try
        {
            var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0, IgnoreInaccessible = false };
            foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles("*", options))
            {
                if (PartialFile.IsPartialName(file.Name))
                    continue;
                string relative = Path.GetRelativePath(folder, file.FullName).Replace(Path.DirectorySeparatorChar, '/');
                entries.Add((relative, file.FullName, file.Length));
            }
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotList(folder, e);
        }

        entries.Sort(static (a, b) => string.CompareOrdinal(a.Relative, b.Relative));
        return entries;
    }
}
