using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ddoq.Storage;

/// <summary>A safetensors file opened for reading by memory mapping: its tensors are used in place, without copies.</summary>
/// <remarks>
/// Everything the header says is checked on opening, so no span ever leaves the file. Spans are valid until the file is
/// disposed. The file must not shrink while it is open: replacing it by a rename (as every writer here does) is harmless;
/// cutting it in place is noticed on the next <c>GetSpan</c>, but ends the process when a page is touched in between.
/// Tensors written by this library are aligned to their element size; those of other writers may not be, which x64 and
/// Arm64 read correctly. Safe for concurrent readers.
/// </remarks>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly Dictionary<string, SafetensorsTensor> _byName;
    private readonly long _dataStart;
    private byte* _base;

    private SafetensorsFile(string path)
    {
        Path = path;
        try
        {
            _handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.RandomAccess);
            Length = RandomAccess.GetLength(_handle);
            long headerLength = ReadHeaderLength();
            _dataStart = SafetensorsHeader.PrefixLength + headerLength;
            _map = MemoryMappedFile.CreateFromFile(_handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _base);
            _base += _view.PointerOffset;
            var header = new ReadOnlySpan<byte>(_base + SafetensorsHeader.PrefixLength, (int)headerLength);
            (Dictionary<string, string> metadata, SafetensorsTensor[] tensors) = SafetensorsHeader.Parse(path, header, Length - _dataStart);
            Metadata = metadata;
            Tensors = tensors;
            _byName = tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
        }
        catch (Exception e)
        {
            Dispose();
            if (StorageErrors.IsFileFailure(e))
                throw StorageErrors.CannotRead(path, e);
            throw;
        }
    }

    /// <summary>The path the file was opened with.</summary>
    public string Path { get; }

    /// <summary>The file's length in bytes when it was opened.</summary>
    public long Length { get; }

    /// <summary>The header's free key-value pairs.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensors in order of their place in the file.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors { get; }

    /// <summary>Opens and validates a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DdoqException">
    /// The file is missing, unreadable, cut off, has extra bytes or a header that breaks a rule of the format; the message
    /// names file, tensor, what was found and what is allowed.
    /// </exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!BitConverter.IsLittleEndian)
            throw new DdoqException("safetensors files are little-endian and this processor is big-endian", "Run on x64 or Arm64.");
        return new SafetensorsFile(path);
    }

    /// <summary>Finds a tensor.</summary>
    /// <returns>False when the file has none of that name.</returns>
    public bool TryGetTensor(string name, out SafetensorsTensor? tensor) => _byName.TryGetValue(name, out tensor);

    /// <summary>Finds a tensor that must be there.</summary>
    /// <exception cref="DdoqException">The file has none of that name; the message lists those it has.</exception>
    public SafetensorsTensor GetTensor(string name)
    {
        if (_byName.TryGetValue(name, out SafetensorsTensor? tensor))
            return tensor;
        const int Listed = 10;
        string has = string.Join(", ", Tensors.Take(Listed).Select(t => StorageErrors.Quote(t.Name)));
        if (Tensors.Count > Listed)
            has += $" and {Tensors.Count - Listed} more";
        throw new DdoqException(
            $"'{Path}': no tensor '{name}'; it has {(Tensors.Count == 0 ? "none" : has)}",
            "Check that this is the file you mean.");
    }

    /// <summary>All elements of a tensor, in place.</summary>
    /// <typeparam name="T">The type in memory: Half for F16, float for F32, ushort for BF16, int for I32 and so on.</typeparam>
    /// <exception cref="DdoqException">No such tensor, another type, or more elements than one span can hold.</exception>
    /// <exception cref="ObjectDisposedException">The file was disposed.</exception>
    public ReadOnlySpan<T> GetSpan<T>(string name) where T : unmanaged
    {
        SafetensorsTensor tensor = GetTensor(name);
        if (tensor.ElementCount > int.MaxValue)
        {
            throw new DdoqException(
                $"'{Path}': tensor '{name}' has {tensor.ElementCount} elements, one span holds at most {int.MaxValue}",
                "Read it in windows.");
        }

        return GetSpan<T>(tensor, 0, (int)tensor.ElementCount);
    }

    /// <summary>A window of a tensor's elements, in place.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="start">First element, 0-based; may be beyond 2^31.</param>
    /// <param name="count">Number of elements.</param>
    /// <inheritdoc cref="GetSpan{T}(string)"/>
    /// <exception cref="ArgumentOutOfRangeException">The window is not inside the tensor.</exception>
    public ReadOnlySpan<T> GetSpan<T>(string name, long start, int count) where T : unmanaged =>
        GetSpan<T>(GetTensor(name), start, count);

    /// <inheritdoc cref="GetSpan{T}(string, long, int)"/>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="start">First element, 0-based; may be beyond 2^31.</param>
    /// <param name="count">Number of elements.</param>
    public ReadOnlySpan<T> GetSpan<T>(SafetensorsTensor tensor, long start, int count) where T : unmanaged
    {
        if (!SafetensorsTensor.IsStoredAs<T>(tensor.Type))
        {
            throw new DdoqException(
                $"'{Path}': tensor {StorageErrors.Quote(tensor.Name)} is {tensor}, it cannot be read as {typeof(T).Name}",
                "Convert the file to the expected type, or check that this is the file you mean.");
        }

        return new ReadOnlySpan<T>(Address(tensor, start, count), count);
    }

    /// <summary>The bytes of a window of a tensor's elements, in place.</summary>
    /// <inheritdoc cref="GetSpan{T}(SafetensorsTensor, long, int)"/>
    internal ReadOnlySpan<byte> GetBytes(SafetensorsTensor tensor, long start, int count) =>
        new(Address(tensor, start, count), checked(count * SafetensorsTensor.ElementSize(tensor.Type)));

    /// <summary>Copies a window of a floating-point tensor to single precision (F16, BF16, F32 or F64, rounded).</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="start">First element, 0-based.</param>
    /// <param name="destination">Receives as many elements as it has.</param>
    /// <inheritdoc cref="GetSpan{T}(string, long, int)" path="/exception"/>
    public void ReadSingles(string name, long start, Span<float> destination)
    {
        SafetensorsTensor tensor = GetTensor(name);
        switch (tensor.Type)
        {
            case SafetensorsType.F32:
                GetSpan<float>(tensor, start, destination.Length).CopyTo(destination);
                break;
            case SafetensorsType.F16:
                TensorPrimitives.ConvertToSingle(GetSpan<Half>(tensor, start, destination.Length), destination);
                break;
            case SafetensorsType.F64:
                TensorPrimitives.ConvertTruncating<double, float>(GetSpan<double>(tensor, start, destination.Length), destination);
                break;
            case SafetensorsType.BF16:
                ReadOnlySpan<ushort> upper = GetSpan<ushort>(tensor, start, destination.Length);
                for (int i = 0; i < upper.Length; i++)
                    destination[i] = BitConverter.UInt32BitsToSingle((uint)upper[i] << 16);
                break;
            default:
                throw new DdoqException(
                    $"'{Path}': tensor {StorageErrors.Quote(name)} is {tensor}, expected F16, BF16, F32 or F64",
                    "Convert the file to floating point.");
        }
    }

    /// <summary>Copies a window of a tensor's elements as they lie in the file, by reading rather than through the mapping.</summary>
    /// <remarks>
    /// For scattered pieces: no neighbouring pages become resident, and a file that is cut meanwhile is an error here, not
    /// the end of the process.
    /// </remarks>
    /// <param name="tensor">A tensor of this file.</param>
    /// <param name="start">First element, 0-based.</param>
    /// <param name="destination">Receives the bytes; a whole number of elements.</param>
    /// <exception cref="DdoqException">The file was cut or cannot be read.</exception>
    internal void ReadBytes(SafetensorsTensor tensor, long start, Span<byte> destination)
    {
        int size = SafetensorsTensor.ElementSize(tensor.Type);
        long offset = Address(tensor, start, destination.Length / size) - _base;
        try
        {
            while (!destination.IsEmpty)
            {
                int read = RandomAccess.Read(_handle, destination, offset);
                if (read == 0)
                    throw Cut();
                offset += read;
                destination = destination[read..];
            }
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotRead(Path, e);
        }
    }

    /// <summary>Starts reading a window of a tensor into the system's cache; does not wait.</summary>
    internal void Prefetch(SafetensorsTensor tensor, long start, int count) =>
        MappedPages.Prefetch(Address(tensor, start, count), (nint)count * SafetensorsTensor.ElementSize(tensor.Type));

    /// <summary>Takes a window of a tensor out of resident memory; spans into it stay valid and are read again when used.</summary>
    internal void Release(SafetensorsTensor tensor, long start, int count) =>
        MappedPages.Release(Address(tensor, start, count), (nint)count * SafetensorsTensor.ElementSize(tensor.Type), _base, (nint)Length);

    /// <summary>Unmaps and closes the file: spans into it are invalid from here on.</summary>
    public void Dispose()
    {
        if (_base is not null)
        {
            _base = null;
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
        }

        _view?.Dispose();
        _map?.Dispose();
        _handle?.Dispose();
    }

    private byte* Address(SafetensorsTensor tensor, long start, int count)
    {
        byte* data = _base;
        ObjectDisposedException.ThrowIf(data is null, this);
        if (start < 0 || count < 0 || start > tensor.ElementCount - count)
        {
            throw new ArgumentOutOfRangeException(nameof(start),
                $"'{Path}': tensor '{tensor.Name}' has {tensor.ElementCount} elements, asked for {count} from {start}");
        }

        // Reading a mapped page beyond the end of a file kills the process; a length query costs well under a microsecond.
        if (RandomAccess.GetLength(_handle) < Length)
            throw Cut();
        return data + _dataStart + tensor.Offset + (start * SafetensorsTensor.ElementSize(tensor.Type));
    }

    private DdoqException Cut() => new(
        $"'{Path}': the file was cut from {Length} to {RandomAccess.GetLength(_handle)} bytes while in use",
        "Let no other program write to it during a run.");

    private long ReadHeaderLength()
    {
        Span<byte> start = stackalloc byte[GitPointer.Length];
        GitPointer.Refuse(start[..RandomAccess.Read(_handle, start, 0)], Path);

        // 8 bytes of length and the shortest JSON object.
        const int Shortest = SafetensorsHeader.PrefixLength + 2;
        if (Length < Shortest)
            throw SafetensorsHeader.Bad(Path, $"it has {Length} bytes, a safetensors file has at least {Shortest}");
        Span<byte> prefix = stackalloc byte[SafetensorsHeader.PrefixLength];
        if (RandomAccess.Read(_handle, prefix, 0) != prefix.Length)
            throw SafetensorsHeader.Bad(Path, "it was cut while it was opened");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > SafetensorsHeader.MaxLength)
            throw SafetensorsHeader.Bad(Path, $"its header claims {length} bytes, the format allows {SafetensorsHeader.MaxLength}");
        if (length > (ulong)(Length - SafetensorsHeader.PrefixLength))
            throw SafetensorsHeader.Bad(Path, $"its header claims {length} bytes, the file has {Length - SafetensorsHeader.PrefixLength} after the length");
        return (long)length;
    }
}

/// <summary>Tells the operating system which mapped pages are wanted soon, and which are done with.</summary>
/// <remarks>Hints: where the system has no such call, nothing happens and nothing but speed and resident memory differ.</remarks>
internal static unsafe partial class MappedPages
{
    private const int WillNeed = 3;
    private const int DoNotNeed = 4;

    // A fault maps its neighbours in the page cache too: 64 KiB at a time on Linux, and newer kernels the whole large folio,
    // up to 2 MiB, that was read from the disk at once. They are let go with it; with 64 KiB alone, a pass over a file that
    // was not in the cache left nearly all of it resident.
    private const nint FaultWindow = 2 << 20;

    private static bool s_isAvailable = OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    /// <summary>Starts reading pages from the disk into the system's cache; does not wait for them.</summary>
    /// <param name="start">First byte within a mapping.</param>
    /// <param name="length">Bytes within the mapping.</param>
    public static void Prefetch(byte* start, nint length)
    {
        nint page = Environment.SystemPageSize;
        nint first = RoundDown((nint)start, page);
        Advise(first, RoundUp((nint)start + length, page) - first, WillNeed);
    }

    /// <summary>
    /// Takes pages out of this process's resident memory. They stay readable (the system's cache keeps them while it has
    /// room), so another reader at the same moment only takes a few more faults.
    /// </summary>
    /// <param name="start">First byte within the mapping.</param>
    /// <param name="length">Bytes within the mapping.</param>
    /// <param name="mapping">Start of the whole mapping, at a page's border.</param>
    /// <param name="mappingLength">
    /// Bytes of the whole mapping: what lies beyond belongs to others, whose pages would lose their content.
    /// </param>
    public static void Release(byte* start, nint length, byte* mapping, nint mappingLength)
    {
        nint first = Math.Max(RoundDown((nint)start, FaultWindow), (nint)mapping);
        nint end = Math.Min(RoundUp((nint)start + length, FaultWindow), RoundUp((nint)mapping + mappingLength, Environment.SystemPageSize));
        Advise(first, end - first, DoNotNeed);
    }

    private static nint RoundDown(nint address, nint unit) => address & -unit;

    private static nint RoundUp(nint address, nint unit) => (address + unit - 1) & -unit;

    private static void Advise(nint address, nint length, int advice)
    {
        if (!s_isAvailable || length <= 0)
            return;
        try
        {
            // The result is of no use: refused advice changes nothing.
            _ = Madvise(address, length, advice);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            s_isAvailable = false;
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Madvise(nint address, nint length, int advice);
}
