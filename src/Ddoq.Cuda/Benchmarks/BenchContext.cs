using System.Runtime.InteropServices;
using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Memory;
using Ddoq.Cuda.Quantization;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.Cuda.Benchmarks;

/// <summary>What a case needs to set itself up: kernels, a stream, sizes, and arrays that are given back after it.</summary>
internal sealed unsafe class BenchContext : IDisposable
{
    private const int PatternElements = 1 << 18;
    private const int MostSets = 64;
    private const int CachesToPassBy = 4;

    private readonly List<IDisposable> _owned = [];
    private readonly BenchData _data;
    private readonly long _cacheBytes;

    public BenchContext(KernelCatalog catalog, StreamHandle stream, BenchData data, CudaDevice device)
    {
        Catalog = catalog;
        Stream = stream;
        _data = data;
        _cacheBytes = device.IsEmulated ? 1 : device.CacheBytes;
    }

    public KernelCatalog Catalog { get; }

    public StreamHandle Stream { get; }

    public BenchSizes Sizes => _data.Sizes;

    /// <summary>The rows of all classes, which no kernel writes to.</summary>
    public ulong Rows(RowFormat format) => _data.Rows(format);

    /// <summary>Makes enough sets of arrays to exceed the second-level cache several times before one is used again.</summary>
    /// <param name="bytes">Bytes that one launch touches.</param>
    /// <param name="make">Sets one up.</param>
    public Action<StreamHandle>[] Rotate(double bytes, Func<Action<StreamHandle>> make)
    {
        int sets = (int)Math.Clamp(Math.Ceiling(CachesToPassBy * _cacheBytes / bytes), 1, MostSets);
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

    /// <summary>An array of random bytes, in a pattern that repeats.</summary>
    public ulong Random(long bytes)
    {
        var random = new CounterRandom(1, 4);
        var pattern = new byte[(int)Math.Min(bytes, PatternElements)];
        for (int i = 0; i < pattern.Length; i++)
            pattern[i] = (byte)random.NextUInt32();
        return Repeat(pattern, bytes);
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
    public (BatchClass[] Classes, BatchTables Tables) Classes(
        int centroids, RowFormat format, TileShape gram, TileShape assign, QuantizationAlgorithm algorithm = QuantizationAlgorithm.Hartigan)
    {
        var options = new QuantizerOptions { CentroidCount = Math.Min(centroids, Sizes.MostCentroids), Algorithm = algorithm };
        var classes = new BatchClass[Sizes.Classes];
        for (int c = 0; c < classes.Length; c++)
            classes[c] = new BatchClass(c, Sizes.Rows, Sizes.Dimension, format, options, c == 0 ? default : classes[c - 1]);
        var tables = Own(new BatchTables());
        tables.Reserve(classes.Length);
        tables.Fill(classes, gram, assign);
        tables.Upload(Stream);
        return (classes, tables);
    }

    /// <summary>What the last clustering reported of each class.</summary>
    public ClusterReport[] Reports(BatchTables tables, int classes)
    {
        using var host = new PinnedBuffer<ClusterReport>();
        host.Reserve(classes);
        tables.DownloadReports(host, classes, Stream);
        Stream.Synchronize();
        return host.Span(0, classes).ToArray();
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

/// <summary>Rows of a power law around modes on the device, made once and read by every case.</summary>
internal sealed unsafe class BenchData(StreamHandle stream, BenchSizes sizes) : IDisposable
{
    // Classes that go through page-locked memory at a time.
    private const int ClassesAtATime = 16;

    private readonly Dictionary<RowFormat, DeviceBuffer<byte>> _rows = [];
    private Half[][]? _values;

    public BenchSizes Sizes => sizes;

    /// <summary>All classes one behind the other, in a format.</summary>
    public ulong Rows(RowFormat format)
    {
        if (_rows.TryGetValue(format, out DeviceBuffer<byte>? known))
            return known.Address;
        Half[][] values = _values ??= PowerLawLatents.Draw(sizes.Classes, sizes.Rows, sizes.Dimension);
        long classBytes = (long)sizes.Rows * RowFormat.StrideOf(sizes.Dimension) * format.Bytes;
        var buffer = new DeviceBuffer<byte>();
        _rows[format] = buffer;
        buffer.Reserve(sizes.Classes * classBytes);
        using var host = new PinnedBuffer<byte>();
        byte* piece = host.Reserve(ClassesAtATime * classBytes);
        for (int first = 0; first < sizes.Classes; first += ClassesAtATime)
        {
            int count = Math.Min(ClassesAtATime, sizes.Classes - first), from = first;
            Parallel.For(0, count, c => Write(values[from + c], format, new Span<byte>(piece + (c * classBytes), (int)classBytes)));
            buffer.Upload(piece, first * classBytes, count * classBytes, stream);
            stream.Synchronize();
        }

        return buffer.Address;
    }

    public void Dispose()
    {
        stream.Drain();
        foreach (DeviceBuffer<byte> one in _rows.Values)
            one.Dispose();
    }

    private void Write(Half[] values, RowFormat format, Span<byte> destination)
    {
        int dimension = sizes.Dimension, stride = RowFormat.StrideOf(dimension);
        destination.Clear();
        for (int i = 0; i < sizes.Rows; i++)
        {
            ReadOnlySpan<Half> row = values.AsSpan(i * dimension, dimension);
            Span<byte> to = destination.Slice(i * stride * format.Bytes, dimension * format.Bytes);
            if (format == RowFormat.F16)
            {
                MemoryMarshal.AsBytes(row).CopyTo(to);
                continue;
            }

            for (int j = 0; j < dimension; j++)
                format.Write((float)row[j], to.Slice(j * format.Bytes, format.Bytes));
        }
    }
}

/// <summary>Sizes of the data that kernels are measured on.</summary>
/// <param name="Classes">Classes in a launch (C).</param>
/// <param name="Rows">Rows of a class (N).</param>
/// <param name="Dimension">Values of a row (D).</param>
/// <param name="MostCentroids">Limit on the centroids of a class (K).</param>
/// <param name="Images">Images in a batch of the loss (B) with 1,000 classes.</param>
/// <param name="ManyClassImages">The same with 21,841 classes.</param>
/// <param name="Scores">Losses that are summed.</param>
/// <param name="CopyBytes">Bytes of the copy that measures bandwidth.</param>
internal sealed record BenchSizes(int Classes, int Rows, int Dimension, int MostCentroids, int Images, int ManyClassImages, int Scores, long CopyBytes)
{
    // As many classes as the clustering has blocks resident on an H100, of ImageNet-1K's size as 4 x 32 x 32 latents. A
    // class takes rows in three types, its Gram matrix and its centroids: 64 MiB, of half the memory.
    private const int MostClasses = 264;
    private const long ClassBytes = 64L << 20;

    /// <summary>Enough to run every kernel to its end.</summary>
    public static readonly BenchSizes Emulated = new(2, 9, 24, 3, 3, 1, 50, 1024);

    /// <summary>The sizes for a device whose context is current: fewer classes where memory is short.</summary>
    public static unsafe BenchSizes For(CudaDevice device)
    {
        if (device.IsEmulated)
            return Emulated;
        nuint available, total;
        CudaCall.Check(DriverApi.MemGetInfo(&available, &total), "cuMemGetInfo");
        int classes = (int)Math.Clamp((long)(available / 2) / ClassBytes, 1, MostClasses);
        return new BenchSizes(classes, 1300, 4096, int.MaxValue, 65_536, 1_584, 1 << 24, 1L << 30);
    }
}

/// <summary>
/// Latents in memory: standard deviation of coordinate j falls as j^(-1/2), variance 1 on average without the modes, 20
/// modes per class that carry a third of the variance. peers.py draws from the same law.
/// </summary>
internal static class PowerLawLatents
{
    private const int Modes = 20;
    private const double ModeScale = 0.7;

    /// <summary>All classes, drawn on every processor; the numbers depend on the sizes alone.</summary>
    public static InMemoryLatents Create(int classes, int rows, int dimension)
    {
        Half[][] values = Draw(classes, rows, dimension);
        return new InMemoryLatents(new LatentShape(1, 1, dimension), [.. Enumerable.Range(0, classes).Select(c => $"class{c}")], values);
    }

    /// <summary>The same as bare arrays, (N, D) row-major for each class.</summary>
    public static Half[][] Draw(int classes, int rows, int dimension)
    {
        float[] scale = Scale(dimension);
        var values = new Half[classes][];
        Parallel.For(0, classes, c => values[c] = Class(c, rows, scale));
        return values;
    }

    private static float[] Scale(int dimension)
    {
        double sum = 0;
        for (int j = 0; j < dimension; j++)
            sum += 1.0 / (j + 1);
        return [.. Enumerable.Range(0, dimension).Select(j => (float)Math.Sqrt(dimension / sum / (j + 1)))];
    }

    private static Half[] Class(int index, int rows, float[] scale)
    {
        var random = new CounterRandom(1, CounterRandom.Stream((uint)index, 0));
        var modes = new float[Modes * scale.Length];
        var noise = new float[scale.Length];
        random.FillGaussian(modes);
        var values = new Half[checked(rows * scale.Length)];
        for (int i = 0; i < rows; i++)
        {
            ReadOnlySpan<float> mode = modes.AsSpan(random.NextInt32(Modes) * scale.Length, scale.Length);
            random.FillGaussian(noise);
            for (int j = 0; j < scale.Length; j++)
                values[(i * scale.Length) + j] = (Half)(scale[j] * ((ModeScale * mode[j]) + noise[j]));
        }

        return values;
    }
}
