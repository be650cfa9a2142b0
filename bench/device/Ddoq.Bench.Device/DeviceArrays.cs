using Ddoq.Cuda;
using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Memory;

namespace Ddoq.Bench.Device;

/// <summary>A device with its kernels, and arrays on it that are given back together.</summary>
internal sealed unsafe class DeviceArrays : IDisposable
{
    private readonly List<IDisposable> _arrays = [];
    private readonly ContextHandle _context;

    public DeviceArrays(CudaDevice device)
    {
        _context = new ContextHandle(device);
        Catalog = new KernelCatalog(KernelImage.Find(), device);
        Stream = new StreamHandle();
    }

    public KernelCatalog Catalog { get; }

    public StreamHandle Stream { get; }

    /// <summary>An array with these contents.</summary>
    public DeviceBuffer<T> Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var buffer = new DeviceBuffer<T>();
        _arrays.Add(buffer);
        buffer.Reserve(values.Length);
        using var host = new PinnedBuffer<T>();
        values.CopyTo(new Span<T>(host.Reserve(values.Length), values.Length));
        buffer.Upload(host.Pointer, 0, values.Length, Stream);
        Stream.Synchronize();
        return buffer;
    }

    /// <summary>The contents of an array, after all work.</summary>
    public T[] Download<T>(DeviceBuffer<T> buffer, int count)
        where T : unmanaged
    {
        using var host = new PinnedBuffer<T>();
        host.Reserve(count);
        buffer.Download(host, count, Stream);
        Stream.Synchronize();
        return host.Span(0, count).ToArray();
    }

    /// <summary>Gives all arrays back.</summary>
    public void Clear()
    {
        Stream.Drain();
        _arrays.ForEach(one => one.Dispose());
        _arrays.Clear();
    }

    public void Dispose()
    {
        Clear();
        Stream.Dispose();
        Catalog.Dispose();
        _context.Dispose();
    }
}
