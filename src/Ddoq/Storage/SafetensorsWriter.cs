using System.Runtime.InteropServices;

namespace Ddoq.Storage;

/// <summary>Writes a safetensors file piece by piece, atomically: it has its name only when everything is written.</summary>
/// <remarks>
/// Tensors are declared first, in the order of their place in the file; then each is appended to, in any interleaving, so
/// memory stays bounded whatever the size. The data starts at a multiple of 64 bytes and every tensor at a multiple of
/// its element size. The bytes depend only on the declaration and the values: same content, same file.
/// Not safe for concurrent use.
/// </remarks>
public sealed class SafetensorsWriter : IDisposable
{
    private readonly string _path;
    private readonly bool _flushToDisk;
    private readonly PartialFile _file;
    private readonly Dictionary<string, Cursor> _cursors;
    private readonly long _dataStart;

    private SafetensorsWriter(string path, bool flushToDisk, byte[] header, Dictionary<string, Cursor> cursors)
    {
        _path = path;
        _flushToDisk = flushToDisk;
        _cursors = cursors;
        _dataStart = header.Length;
        _file = PartialFile.Create(path, bufferSize: 0, isLarge: true);
        try
        {
            WriteAt(header, 0);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Starts a file.</summary>
    /// <param name="path">The file; an existing one is replaced on <see cref="Complete"/>. Its folder must exist.</param>
    /// <param name="tensors">Name, type and shape of each tensor; wider element types before narrower ones unless the sizes keep the alignment.</param>
    /// <param name="metadata">Free key-value pairs, written in ordinal order of the keys.</param>
    /// <param name="flushToDisk">See <see cref="AtomicFile.Write"/>.</param>
    /// <exception cref="ArgumentException">
    /// A name is declared twice or reserved, an extent is negative or too large, or a tensor would not be aligned.
    /// </exception>
    /// <exception cref="DdoqException">The file cannot be created, or the header exceeds the format's 100 MB.</exception>
    public static SafetensorsWriter Create(
        string path,
        IEnumerable<(string Name, SafetensorsType Type, IReadOnlyList<long> Shape)> tensors,
        IReadOnlyDictionary<string, string>? metadata = null,
        bool flushToDisk = true)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var cursors = new Dictionary<string, Cursor>(StringComparer.Ordinal);
        var declared = new List<SafetensorsTensor>();
        long offset = 0;
        foreach ((string name, SafetensorsType type, IReadOnlyList<long> shape) in tensors)
        {
            long length = SafetensorsTensor.TryByteLength(type, shape)
                ?? throw new ArgumentException($"tensor '{name}': shape {SafetensorsTensor.ShapeText(shape)} is negative or too large", nameof(tensors));
            if (offset % SafetensorsTensor.ElementSize(type) != 0)
                throw new ArgumentException($"tensor '{name}' would start at data byte {offset}, not aligned for {type}: declare wider types first", nameof(tensors));
            var tensor = new SafetensorsTensor(name, type, [.. shape], offset, length);
            if (name == "__metadata__" || !cursors.TryAdd(name, new Cursor(tensor)))
                throw new ArgumentException($"tensor name '{name}' is reserved or declared twice", nameof(tensors));
            declared.Add(tensor);
            offset = checked(offset + length);
        }

        byte[] header = SafetensorsHeader.Format(path, metadata ?? new Dictionary<string, string>(), declared);
        return new SafetensorsWriter(path, flushToDisk, header, cursors);
    }

    /// <summary>Appends elements to a tensor, after those appended to it before.</summary>
    /// <typeparam name="T">The declared type in memory: Half for F16, float for F32, int for I32 and so on.</typeparam>
    /// <exception cref="ArgumentException">The tensor was not declared, has another type, or would become too long.</exception>
    /// <exception cref="DdoqException">The disk is full or fails.</exception>
    public void Append<T>(string name, ReadOnlySpan<T> values) where T : unmanaged
    {
        if (!_cursors.TryGetValue(name, out Cursor? cursor))
            throw new ArgumentException($"tensor '{name}' was not declared", nameof(name));
        if (!SafetensorsTensor.IsStoredAs<T>(cursor.Tensor.Type))
            throw new ArgumentException($"tensor '{name}' is {cursor.Tensor}, not {typeof(T).Name}", nameof(values));
        int size = SafetensorsTensor.ElementSize(cursor.Tensor.Type);
        if (values.Length > (cursor.Tensor.ByteLength - cursor.Written) / size)
        {
            throw new ArgumentException(
                $"tensor '{name}' is {cursor.Tensor}: {cursor.Written / size} elements are written, {values.Length} more do not fit", nameof(values));
        }

        // A span of wide elements may have more bytes than one byte span can address.
        const int Window = 1 << 26;
        for (int start = 0; start < values.Length; start += Window)
        {
            ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values.Slice(start, Math.Min(Window, values.Length - start)));
            WriteAt(bytes, _dataStart + cursor.Tensor.Offset + cursor.Written);
            cursor.Written += bytes.Length;
        }
    }

    /// <summary>Reads back elements that were appended.</summary>
    /// <typeparam name="T">As for <see cref="Append{T}"/>.</typeparam>
    /// <param name="name">The tensor.</param>
    /// <param name="first">The first element to read.</param>
    /// <param name="values">Receives as many as it has room for.</param>
    /// <exception cref="ArgumentException">The tensor was not declared, has another type, or has fewer elements.</exception>
    /// <exception cref="DdoqException">The disk fails.</exception>
    internal void ReadBack<T>(string name, long first, Span<T> values) where T : unmanaged
    {
        if (!_cursors.TryGetValue(name, out Cursor? cursor) || !SafetensorsTensor.IsStoredAs<T>(cursor.Tensor.Type))
            throw new ArgumentException($"tensor '{name}' of {typeof(T).Name} was not declared", nameof(name));
        Span<byte> bytes = MemoryMarshal.AsBytes(values);
        long offset = first * SafetensorsTensor.ElementSize(cursor.Tensor.Type);
        if (offset < 0 || bytes.Length > cursor.Written - offset)
            throw new ArgumentException($"tensor '{name}' has {cursor.Written} bytes, {bytes.Length} from {offset} on are asked for", nameof(first));
        try
        {
            for (long at = _dataStart + cursor.Tensor.Offset + offset; bytes.Length > 0;)
            {
                int got = RandomAccess.Read(_file.Stream.SafeFileHandle, bytes, at);
                if (got == 0)
                    throw new EndOfStreamException("the file is shorter than what was written");
                at += got;
                bytes = bytes[got..];
            }
        }
        catch (Exception e) when (StorageErrors.IsStreamFailure(e))
        {
            throw StorageErrors.CannotWrite(_path, e);
        }
    }

    /// <summary>Checks that every declared element was written, flushes and gives the file its name.</summary>
    /// <exception cref="InvalidOperationException">A tensor has fewer elements than declared, or the file is complete already.</exception>
    /// <exception cref="DdoqException">The disk is full or fails.</exception>
    public void Complete()
    {
        foreach (Cursor cursor in _cursors.Values)
        {
            if (cursor.Written != cursor.Tensor.ByteLength)
            {
                throw new InvalidOperationException(
                    $"'{_path}': tensor '{cursor.Tensor.Name}' is declared as {cursor.Tensor} ({cursor.Tensor.ByteLength} bytes), {cursor.Written} bytes were written");
            }
        }

        _file.Commit(_flushToDisk);
    }

    /// <summary>Removes the file unless <see cref="Complete"/> was called.</summary>
    public void Dispose() => _file.Dispose();

    private void WriteAt(ReadOnlySpan<byte> bytes, long offset)
    {
        try
        {
            RandomAccess.Write(_file.Stream.SafeFileHandle, bytes, offset);
        }
        catch (Exception e) when (StorageErrors.IsStreamFailure(e))
        {
            throw StorageErrors.CannotWrite(_path, e);
        }
    }

    private sealed class Cursor(SafetensorsTensor tensor)
    {
        public SafetensorsTensor Tensor { get; } = tensor;

        public long Written { get; set; }
    }
}
