using Ddoq.Cuda.Interop;

namespace Ddoq.Cuda.Memory;

/// <summary>Page-locked host memory, which the device copies from and to without help; grows and is reused.</summary>
internal sealed unsafe class PinnedBuffer<T> : DriverHandle
    where T : unmanaged
{
    /// <summary>Elements there is room for.</summary>
    public long Capacity { get; private set; }

    /// <summary>The first element.</summary>
    public T* Pointer => (T*)handle;

    /// <summary>Makes room for elements; contents are lost when it grows.</summary>
    /// <exception cref="CudaException">The memory cannot be locked; the buffer is empty then.</exception>
    public T* Reserve(long count)
    {
        if (count <= Capacity && handle != 0)
            return Pointer;
        Free();
        long wanted = Math.Max(1, count);
        void* pointer;
        nuint bytes = checked((nuint)wanted * (nuint)sizeof(T));
        CudaResult result = DriverApi.MemHostAlloc(&pointer, bytes, 0);
        if (result != CudaResult.Success)
            CudaCall.Throw(result, $"cuMemHostAlloc({bytes} bytes)");
        SetHandle((nint)pointer);
        Capacity = wanted;
        return Pointer;
    }

    /// <summary>Gives the memory back; the buffer can be used again.</summary>
    public void Free()
    {
        if (handle == 0)
            return;
        CudaCall.Check(DriverApi.MemFreeHost(Pointer), "cuMemFreeHost");
        SetHandle(0);
        Capacity = 0;
    }

    /// <summary>Some of the elements.</summary>
    public Span<T> Span(long first, int count) => new(Pointer + first, count);

    /// <inheritdoc/>
    protected override CudaResult Destroy(nint owned) => DriverApi.MemFreeHost((void*)owned);
}
