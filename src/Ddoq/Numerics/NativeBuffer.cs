using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ddoq.Numerics;

/// <summary>A growing block of native memory aligned to 64 bytes, reused across classes so that steady state allocates nothing.</summary>
/// <remarks>One owner, one thread. Spans and pointers are valid until the next <see cref="Reserve"/> or <see cref="Dispose"/>.</remarks>
internal sealed unsafe class NativeBuffer<T> : IDisposable
    where T : unmanaged
{
    private T* _pointer;
    private nint _capacity;

    ~NativeBuffer() => Free();

    /// <summary>The first element; null before the first <see cref="Reserve"/>.</summary>
    public T* Pointer => _pointer;

    /// <summary>Makes room for <paramref name="count"/> elements; the contents are lost when it has to grow.</summary>
    /// <returns>The first element.</returns>
    /// <exception cref="DdoqException">The memory is not there.</exception>
    public T* Reserve(nint count)
    {
        if (count <= _capacity)
            return _pointer;
        Free();
        try
        {
            _pointer = (T*)NativeMemory.AlignedAlloc(checked((nuint)count * (nuint)Unsafe.SizeOf<T>()), 64);
        }
        catch (OutOfMemoryException exception)
        {
            throw new DdoqException(
                FormattableString.Invariant($"No memory for {(double)count * Unsafe.SizeOf<T>() / (1 << 20):F0} MiB of working space."),
                "Use fewer workers: each holds the working space of one class.",
                exception);
        }

        _capacity = count;
        NativeMemoryTally.Add(ByteCount);
        return _pointer;
    }

    /// <summary><see cref="Reserve"/>, then zeros in the first <paramref name="count"/> elements.</summary>
    public T* ReserveZeroed(nint count)
    {
        T* pointer = Reserve(count);
        NativeMemory.Clear(pointer, (nuint)count * (nuint)Unsafe.SizeOf<T>());
        return pointer;
    }

    /// <summary>The first <paramref name="count"/> elements, after making room for them.</summary>
    public Span<T> Span(int count) => new(Reserve(count), count);

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private long ByteCount => _capacity * Unsafe.SizeOf<T>();

    private void Free()
    {
        NativeMemoryTally.Add(-ByteCount);
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
        _capacity = 0;
    }
}

/// <summary>What the calling thread has reserved in <see cref="NativeBuffer{T}"/> and not freed: what a memory plan is held against.</summary>
internal static class NativeMemoryTally
{
    [ThreadStatic]
    private static long t_bytes;

    /// <summary>Bytes.</summary>
    public static long OfThisThread => t_bytes;

    /// <summary>Counts bytes reserved, or freed when negative.</summary>
    public static void Add(long bytes) => t_bytes += bytes;
}
