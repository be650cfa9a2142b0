using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>The rows of the shard that is being written, in a file of their own beside it (<c>latents-00003-of-00016.unfinished</c>), so that a killed run continues behind them.</summary>
/// <remarks>
/// A header names the shard they belong to; then one record per call: number of rows (0 for a row that is skipped), labels, weights,
/// rows, and the first eight bytes of the record's SHA-256. Records go to the operating system at once and to the disk when it
/// pleases: after a power failure the first record that is cut off or does not fit its sum ends what is taken up again.
/// </remarks>
internal sealed class UnfinishedShard : IDisposable
{
    private const int SumBytes = 8;

    // What a refused lock (EWOULDBLOCK) leaves in IOException.HResult on Linux and macOS.
    private const int LinuxLocked = 11;
    private const int MacLocked = 35;
    private readonly string _path;
    private readonly FileStream _stream;

    private UnfinishedShard(string path, FileStream stream) => (_path, _stream) = (path, stream);

    /// <summary>Begins the rows of a shard, in place of what was there.</summary>
    /// <param name="shardPath">Where the shard will be.</param>
    /// <param name="identity">What tells this shard of this store from others.</param>
    /// <exception cref="DdoqException">The file cannot be written, or another process writes it.</exception>
    public static UnfinishedShard Create(string shardPath, string identity)
    {
        UnfinishedShard shard = Open(PathOf(shardPath), FileMode.Create);
        shard.Write(HeaderOf(identity));
        return shard;
    }

    /// <summary>Takes up the rows of a shard.</summary>
    /// <param name="shardPath">Where the shard will be.</param>
    /// <param name="identity">What tells this shard of this store from others.</param>
    /// <param name="rowLength">Values of a row.</param>
    /// <param name="hasWeights">Whether rows have weights.</param>
    /// <param name="replay">Gets the labels, weights and rows of each record; none for a row that was skipped. False ends the replay before that record.</param>
    /// <returns>The file, ready for the next record; null when there is none of this shard.</returns>
    /// <exception cref="DdoqException">The file cannot be read, or another process writes it.</exception>
    public static UnfinishedShard? TakeUp(string shardPath, string identity, int rowLength, bool hasWeights, Func<int[], float[], Half[], bool> replay)
    {
        if (!File.Exists(PathOf(shardPath)))
            return null;
        UnfinishedShard shard = Open(PathOf(shardPath), FileMode.Open);
        byte[] expected = HeaderOf(identity), header = new byte[expected.Length];
        if (shard._stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length || !header.SequenceEqual(expected))
        {
            shard.Dispose();
            return null;
        }

        long end = header.Length;
        while (shard.TryRead(rowLength, hasWeights, out int[] labels, out float[] weights, out Half[] rows) && replay(labels, weights, rows))
            end = shard._stream.Position;
        shard._stream.SetLength(end);
        shard._stream.Position = end;
        return shard;
    }

    /// <summary>Removes the rows of an unfinished shard, if there are any.</summary>
    public static void Delete(string shardPath)
    {
        string path = PathOf(shardPath);
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotWrite(path, e);
        }
    }

    /// <summary>Adds rows; without labels, one row that is skipped.</summary>
    /// <exception cref="DdoqException">The disk is full.</exception>
    public void Append(ReadOnlySpan<int> labels, ReadOnlySpan<float> weights, ReadOnlySpan<Half> rows)
    {
        ReadOnlySpan<byte> first = MemoryMarshal.AsBytes(labels), second = MemoryMarshal.AsBytes(weights), third = MemoryMarshal.AsBytes(rows);
        byte[] record = new byte[sizeof(int) + first.Length + second.Length + third.Length + SumBytes];
        BinaryPrimitives.WriteInt32LittleEndian(record, labels.Length);
        first.CopyTo(record.AsSpan(sizeof(int)));
        second.CopyTo(record.AsSpan(sizeof(int) + first.Length));
        third.CopyTo(record.AsSpan(sizeof(int) + first.Length + second.Length));
        SHA256.HashData(record.AsSpan(0, record.Length - SumBytes)).AsSpan(0, SumBytes).CopyTo(record.AsSpan(record.Length - SumBytes));
        Write(record);
    }

    public void Dispose() => _stream.Dispose();

    private static UnfinishedShard Open(string path, FileMode mode)
    {
        try
        {
            return new UnfinishedShard(path, new FileStream(path, mode, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));
        }
        catch (IOException e) when (e.HResult is LinuxLocked or MacLocked)
        {
            throw new DdoqException($"another process writes '{path}'", "Let that process end, or end it: it does the same work. Then run this one again.", e);
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotWrite(path, e);
        }
    }

    /// <summary>Where the rows of an unfinished shard are.</summary>
    /// <param name="shardPath">Where the shard will be.</param>
    internal static string PathOf(string shardPath) => System.IO.Path.ChangeExtension(shardPath, StageFolder.UnfinishedSuffix);

    private static byte[] HeaderOf(string identity) => SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(identity));

    private void Write(byte[] bytes)
    {
        try
        {
            _stream.Write(bytes);
        }
        catch (Exception e) when (StorageErrors.IsStreamFailure(e))
        {
            throw StorageErrors.CannotWrite(_path, e);
        }
    }

    private bool TryRead(int rowLength, bool hasWeights, out int[] labels, out float[] weights, out Half[] rows)
    {
        (labels, weights, rows) = ([], [], []);
        byte[] count = new byte[sizeof(int)];
        if (_stream.ReadAtLeast(count, count.Length, throwOnEndOfStream: false) < count.Length)
            return false;
        int n = BinaryPrimitives.ReadInt32LittleEndian(count);
        long length = (long)n * (sizeof(int) + (hasWeights ? sizeof(float) : 0) + ((long)rowLength * sizeof(ushort)));
        if (n < 0 || length > _stream.Length - _stream.Position - SumBytes)
            return false;
        byte[] record = new byte[sizeof(int) + length + SumBytes];
        count.CopyTo(record, 0);
        _stream.ReadExactly(record, sizeof(int), record.Length - sizeof(int));
        ReadOnlySpan<byte> content = record.AsSpan(0, record.Length - SumBytes);
        if (!SHA256.HashData(content).AsSpan(0, SumBytes).SequenceEqual(record.AsSpan(content.Length)))
            return false;
        content = content[sizeof(int)..];
        labels = MemoryMarshal.Cast<byte, int>(content[..(n * sizeof(int))]).ToArray();
        content = content[(n * sizeof(int))..];
        if (hasWeights)
        {
            weights = MemoryMarshal.Cast<byte, float>(content[..(n * sizeof(float))]).ToArray();
            content = content[(n * sizeof(float))..];
        }

        rows = MemoryMarshal.Cast<byte, Half>(content).ToArray();
        return true;
    }
}
