using Ddoq.Cuda.Interop;
using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Memory;

namespace Ddoq.Cuda.Quantization;

/// <summary>The small tables of a batch (ranges, tile counts, reports), packed into one copy to the device.</summary>
internal sealed unsafe class BatchTables : IDisposable
{
    private const int Alignment = 16;

    private readonly PinnedBuffer<byte> _host = new();
    private readonly DeviceBuffer<byte> _device = new();
    private long _used;

    /// <summary>Rows of the fit.</summary>
    public ulong Fit { get; private set; }

    /// <summary>All rows.</summary>
    public ulong All { get; private set; }

    /// <summary>Working spaces.</summary>
    public ulong Clusters { get; private set; }

    /// <summary>Where the combinations begin.</summary>
    public ulong Combinations { get; private set; }

    /// <summary>Reports, which the kernels write to.</summary>
    public ulong Reports { get; private set; }

    public Tiles Center { get; private set; }

    public Tiles Gram { get; private set; }

    public Tiles Means { get; private set; }

    public Tiles Combine { get; private set; }

    public Tiles Assign { get; private set; }

    public Tiles Distances { get; private set; }

    /// <summary>Makes room for a batch.</summary>
    public void Reserve(int classes)
    {
        long bytes = (classes + 1) * 256L;
        _host.Reserve(bytes);
        _device.Reserve(bytes);
    }

    /// <summary>Writes the tables of a batch, for which there is room.</summary>
    public void Fill(BatchClass[] classes, TileShape gram, TileShape assign)
    {
        _used = 0;
        int chunks = KernelShapes.Ceiling(classes[0].Dimension, KernelShapes.ChunkColumns);
        Fit = Add(classes, one => one.Range(all: false));
        All = Add(classes, one => one.Range(all: true));
        Clusters = Add(classes, one => new ClusterClass
        {
            WorkspaceBegin = one.WorkspaceBegin,
            CombinationBegin = one.CombinationBegin,
            Number = one.ClassIndex,
            Trials = one.Trials,
        });
        Combinations = Add(classes, one => one.CombinationBegin);
        Reports = Add(classes, _ => new ClusterReport { Distortion = double.PositiveInfinity });
        Center = Count(classes, one => KernelShapes.Ceiling(one.TrainingRows, KernelShapes.CenterRows));
        Gram = Count(classes, one => KernelShapes.GramTiles(gram, one.TrainingRows));
        Means = Count(classes, one => checked(one.Centroids * chunks));
        Combine = Count(classes, one => checked(KernelShapes.Ceiling(one.Centroids, KernelShapes.CombineCentroids) * chunks));
        Assign = Count(classes, one => KernelShapes.Ceiling(one.Rows, assign.Rows));
        Distances = Count(classes, one => KernelShapes.Ceiling(one.Rows, KernelShapes.DistancesRows));
    }

    /// <summary>Copies all tables to the device.</summary>
    public void Upload(StreamHandle stream) => _device.Upload(_host.Pointer, 0, _used, stream);

    /// <summary>Copies the reports back.</summary>
    public void DownloadReports(PinnedBuffer<ClusterReport> destination, int classes, StreamHandle stream) =>
        CudaCall.Check(DriverApi.MemcpyDtoHAsync(destination.Pointer, Reports, (nuint)classes * (nuint)sizeof(ClusterReport), stream.Value), "cuMemcpyDtoHAsync");

    /// <summary>Gives the memory back.</summary>
    public void Free()
    {
        _host.Free();
        _device.Free();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _host.Dispose();
        _device.Dispose();
    }

    private ulong Add<T>(BatchClass[] classes, Func<BatchClass, T> value)
        where T : unmanaged
    {
        Span<T> values = Table<T>(classes.Length, out ulong address);
        for (int c = 0; c < classes.Length; c++)
            values[c] = value(classes[c]);
        return address;
    }

    private Tiles Count(BatchClass[] classes, Func<BatchClass, int> tiles)
    {
        Span<int> begin = Table<int>(classes.Length + 1, out ulong address);
        begin[0] = 0;
        for (int c = 0; c < classes.Length; c++)
            begin[c + 1] = checked(begin[c] + tiles(classes[c]));
        return new Tiles(address, begin[^1]);
    }

    private Span<T> Table<T>(int length, out ulong address)
        where T : unmanaged
    {
        address = _device.Address + (ulong)_used;
        var table = new Span<T>(_host.Pointer + _used, length);
        _used += ((long)length * sizeof(T)) + (Alignment - 1) & -Alignment;
        if (_used > _host.Capacity)
            throw new InvalidOperationException($"tables of {_used} bytes exceed the {_host.Capacity} set apart for them");
        return table;
    }

    /// <summary>How many tiles lie before each class, and in all.</summary>
    internal readonly record struct Tiles(ulong Begin, int Total);
}
