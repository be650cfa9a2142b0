using Ddoq.Cuda.Interop;

namespace Ddoq.Cuda.Memory;

/// <summary>Device memory that grows and is reused; contents are lost when it grows.</summary>
/// <remarks>Freeing memory waits for the device: grow only while no work uses the buffer.</remarks>
internal sealed unsafe class DeviceBuffer<T> : DriverHandle
    where T : unmanaged
{
    /// <summary>Elements there is room for.</summary>
    public long Capacity { get; private set; }

    /// <summary>The first element, as the device knows it.</summary>
    public ulong Address => (ulong)handle;

    /// <summary>Makes room for elements; returns the address.</summary>
    /// <exception cref="CudaException">The device's memory does not suffice; the buffer is empty then.</exception>
    public ulong Reserve(long count)
    {
        if (count <= Capacity && handle != 0)
            return Address;
        Free();
        long wanted = Math.Max(1, count);
        ulong pointer;
        nuint bytes = checked((nuint)wanted * (nuint)sizeof(T));
        CudaResult result = DriverApi.MemAlloc(&pointer, bytes);
        if (result != CudaResult.Success)
            CudaCall.Throw(result, $"cuMemAlloc({bytes} bytes)");
        SetHandle((nint)pointer);
        Capacity = wanted;
        return pointer;
    }

    /// <summary>Gives the memory back; the buffer can be used again.</summary>
    public void Free()
    {
        if (handle == 0)
            return;
        CudaCall.Check(DriverApi.MemFree(Address), "cuMemFree");
        SetHandle(0);
        Capacity = 0;
    }

    /// <summary>Copies from pinned memory, when the stream gets there.</summary>
    public void Upload(T* source, long first, long count, StreamHandle stream)
    {
        if (count > 0)
            CudaCall.Check(DriverApi.MemcpyHtoDAsync(At(first), source, Bytes(count), stream.Value), "cuMemcpyHtoDAsync");
    }

    /// <summary>Zeroes the first elements, when the stream gets there.</summary>
    public void Clear(long count, StreamHandle stream)
    {
        if (count > 0)
            CudaCall.Check(DriverApi.MemsetD8Async(Address, 0, Bytes(count), stream.Value), "cuMemsetD8Async");
    }

    /// <summary>Copies to pinned memory, when the stream gets there.</summary>
    public void Download(PinnedBuffer<T> destination, long count, StreamHandle stream)
    {
        if (count > 0)
            CudaCall.Check(DriverApi.MemcpyDtoHAsync(destination.Pointer, Address, Bytes(count), stream.Value), "cuMemcpyDtoHAsync");
    }

    /// <inheritdoc/>
    protected override CudaResult Destroy(nint owned) => DriverApi.MemFree((ulong)owned);

    private static nuint Bytes(long count) => checked((nuint)count * (nuint)sizeof(T));

    private ulong At(long first) => Address + ((ulong)first * (ulong)sizeof(T));
}

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
