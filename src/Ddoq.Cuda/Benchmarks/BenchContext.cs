using System.Runtime.InteropServices;
using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Memory;
using Ddoq.Cuda.Quantization;
using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.Cuda.Benchmarks;

/// <summary>What a case needs to set itself up: kernels, a stream, sizes, and arrays that are given back after it.</summary>
internal sealed unsafe class BenchContext : IDisposable
{
    private const int PatternElements = 1 << 18;
    private const int MostSets = 64;

    private readonly List<IDisposable> _owned = [];
    private readonly long _cacheBytes;

    public BenchContext(KernelCatalog catalog, StreamHandle stream, BenchSizes sizes, CudaDevice device)
    {
        Catalog = catalog;
        Stream = stream;
        Sizes = sizes;
        _cacheBytes = device.IsEmulated ? 1 : device.CacheBytes;
    }

    public KernelCatalog Catalog { get; }

    public StreamHandle Stream { get; }

    public BenchSizes Sizes { get; }

    /// <summary>Makes enough sets of arrays to exceed the second-level cache twice before one is used again; at least two.</summary>
    /// <param name="bytes">Bytes that one launch touches.</param>
    /// <param name="make">Sets one up.</param>
    public Action<StreamHandle>[] Rotate(double bytes, Func<Action<StreamHandle>> make)
    {
        int sets = (int)Math.Clamp(Math.Ceiling(2 * _cacheBytes / bytes) + 1, 2, MostSets);
        return [.. Enumerable.Range(0, sets).Select(_ => make())];
    }

    /// <summary>An array of zeros.</summary>
    public ulong Zeros(long bytes)
    {
        var buffer = Own(new DeviceBuffer<byte>());
        buffer.Reserve(bytes);
        CudaCall.Check(DriverApi.MemsetD8Async(buffer.Address, 0, (nuint)bytes, Stream.Value), "cuMemsetD8Async");
        return buffer.Address;
    }

    /// <summary>An array of normal numbers, in a pattern that repeats.</summary>
    public ulong Normal(long count, RowFormat format)
    {
        var random = new CounterRandom(1, 1);
        var pattern = new byte[(int)Math.Min(count, PatternElements) * format.Bytes];
        for (int i = 0; i < pattern.Length / format.Bytes; i++)
            format.Write((float)random.NextGaussian(), pattern.AsSpan(i * format.Bytes, format.Bytes));
        return Repeat(pattern, count * format.Bytes);
    }

    /// <summary>An array of probabilities: positive numbers around 1 / classes.</summary>
    public ulong Probabilities(long count, int classes, RowFormat format)
    {
        var random = new CounterRandom(1, 2);
        var pattern = new byte[(int)Math.Min(count, PatternElements) * format.Bytes];
        for (int i = 0; i < pattern.Length / format.Bytes; i++)
            format.Write((float)(2 * random.NextDouble() / classes), pattern.AsSpan(i * format.Bytes, format.Bytes));
        return Repeat(pattern, count * format.Bytes);
    }

    /// <summary>An array of labels below <paramref name="upper"/>.</summary>
    public ulong Labels(long count, int upper)
    {
        var random = new CounterRandom(1, 3);
        var pattern = new int[(int)Math.Min(count, PatternElements)];
        for (int i = 0; i < pattern.Length; i++)
            pattern[i] = random.NextInt32(upper);
        return Repeat(MemoryMarshal.AsBytes<int>(pattern), count * sizeof(int));
    }

    /// <summary>Equal classes, and their tables on the device.</summary>
    public (BatchClass[] Classes, BatchTables Tables) Classes(int centroids, RowFormat format, TileShape gram, TileShape assign)
    {
        var options = new QuantizerOptions { CentroidCount = Math.Min(centroids, Sizes.MostCentroids) };
        var classes = new BatchClass[Sizes.Classes];
        for (int c = 0; c < classes.Length; c++)
            classes[c] = new BatchClass(c, Sizes.Rows, Sizes.Dimension, format, options, c == 0 ? default : classes[c - 1]);
        var tables = Own(new BatchTables());
        tables.Reserve(classes.Length);
        tables.Fill(classes, gram, assign);
        tables.Upload(Stream);
        return (classes, tables);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stream.Drain();
        foreach (IDisposable one in _owned)
            one.Dispose();
    }

    private T Own<T>(T one)
        where T : IDisposable
    {
        _owned.Add(one);
        return one;
    }

    private ulong Repeat(ReadOnlySpan<byte> pattern, long bytes)
    {
        var buffer = Own(new DeviceBuffer<byte>());
        buffer.Reserve(bytes);
        using var host = new PinnedBuffer<byte>();
        pattern.CopyTo(new Span<byte>(host.Reserve(pattern.Length), pattern.Length));
        buffer.Upload(host.Pointer, 0, pattern.Length, Stream);
        for (long done = pattern.Length; done < bytes;)
        {
            long next = Math.Min(done, bytes - done); // doubles what is there
            CudaCall.Check(DriverApi.MemcpyDtoDAsync(buffer.Address + (ulong)done, buffer.Address, (nuint)next, Stream.Value), "cuMemcpyDtoDAsync");
            done += next;
        }

        Stream.Synchronize();
        return buffer.Address;
    }
}

/// <summary>Sizes of the data that kernels are measured on.</summary>
/// <param name="Classes">Classes in a launch (C).</param>
/// <param name="Rows">Rows of a class (N).</param>
/// <param name="Dimension">Values of a row (D).</param>
/// <param name="MostCentroids">Limit on the centroids of a class (K).</param>
/// <param name="Images">Images in a batch of the loss (B).</param>
/// <param name="Scores">Losses that are summed.</param>
/// <param name="CopyBytes">Bytes of the copy that measures bandwidth.</param>
internal sealed record BenchSizes(int Classes, int Rows, int Dimension, int MostCentroids, int Images, int Scores, long CopyBytes)
{
    /// <summary>64 classes of ImageNet-1K's size as 4 x 32 x 32 latents: 681 MB of halves, far beyond any cache.</summary>
    public static readonly BenchSizes Device = new(64, 1300, 4096, int.MaxValue, 8192, 1 << 22, 1L << 29);

    /// <summary>Enough to run every kernel to its end.</summary>
    public static readonly BenchSizes Emulated = new(2, 9, 24, 3, 3, 50, 1024);
}
