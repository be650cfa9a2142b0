using Ddoq.Cuda.Kernels;
using Ddoq.Cuda.Memory;

namespace Ddoq.Cuda.Quantization;

/// <summary>The arrays of a batch on the device, and of its results in page-locked memory; reused from batch to batch.</summary>
/// <remarks>Each array is an allocation of its own, so that tools which watch allocations see an access past its end.</remarks>
internal sealed unsafe class BatchBuffers : IDisposable
{
    public BatchTables Tables { get; } = new();

    public DeviceBuffer<byte> Rows { get; } = new();

    public DeviceBuffer<float> Means { get; } = new();

    public DeviceBuffer<float> Norms { get; } = new();

    public DeviceBuffer<float> Shifts { get; } = new();

    public DeviceBuffer<float> Gram { get; } = new();

    public DeviceBuffer<byte> Workspace { get; } = new();

    /// <summary>Cells as the clustering sees them, of the rows of the fit.</summary>
    public DeviceBuffer<int> Cells { get; } = new();

    public DeviceBuffer<int> Counts { get; } = new();

    /// <summary>The class that the next free block of the clustering takes.</summary>
    public DeviceBuffer<int> NextClass { get; } = new();

    public DeviceBuffer<int> Combined { get; } = new();

    public DeviceBuffer<float> Combinations { get; } = new();

    public DeviceBuffer<Half> Parts { get; } = new();

    public DeviceBuffer<float> PartNorms { get; } = new();

    public DeviceBuffer<float> Centroids { get; } = new();

    /// <summary>Nearest reported centre, of all rows.</summary>
    public DeviceBuffer<int> Labels { get; } = new();

    public DeviceBuffer<double> Distances { get; } = new();

    public DeviceBuffer<long> Running { get; } = new();

    public DeviceBuffer<double> Companion { get; } = new();

    public PinnedBuffer<float> HostCentroids { get; } = new();

    public PinnedBuffer<int> HostCells { get; } = new();

    public PinnedBuffer<int> HostLabels { get; } = new();

    public PinnedBuffer<double> HostDistances { get; } = new();

    public PinnedBuffer<long> HostRunning { get; } = new();

    public PinnedBuffer<double> HostCompanion { get; } = new();

    public PinnedBuffer<ClusterReport> HostReports { get; } = new();

    /// <summary>Makes room for a batch. No work is using the buffers.</summary>
    public void Reserve(BatchClass[] classes)
    {
        BatchClass last = classes[^1];
        long rows = last.RowEnd, centroids = last.CentroidEnd, stride = last.Stride;
        Tables.Reserve(classes.Length);
        Rows.Reserve(rows * last.RowBytes);
        Means.Reserve(classes.Length * (long)last.Dimension);
        Norms.Reserve(rows);
        Shifts.Reserve(rows);
        Gram.Reserve(last.GramEnd);
        Workspace.Reserve(last.WorkspaceEnd);
        Cells.Reserve(rows);
        Counts.Reserve(centroids);
        NextClass.Reserve(1);
        Combined.Reserve(centroids);
        Combinations.Reserve(last.CombinationEnd);
        Parts.Reserve(2 * centroids * stride);
        PartNorms.Reserve(centroids);
        Centroids.Reserve(centroids * stride);
        Labels.Reserve(rows);
        Distances.Reserve(rows);
        Running.Reserve(centroids);
        Companion.Reserve(centroids);
        HostCentroids.Reserve(centroids * stride);
        HostCells.Reserve(rows);
        HostLabels.Reserve(rows);
        HostDistances.Reserve(rows);
        HostRunning.Reserve(centroids);
        HostCompanion.Reserve(centroids);
        HostReports.Reserve(classes.Length);
    }

    /// <summary>Gives all memory back; no work is using the buffers, which can be used again.</summary>
    public void Free()
    {
        Tables.Free();
        Rows.Free();
        Means.Free();
        Norms.Free();
        Shifts.Free();
        Gram.Free();
        Workspace.Free();
        Cells.Free();
        Counts.Free();
        NextClass.Free();
        Combined.Free();
        Combinations.Free();
        Parts.Free();
        PartNorms.Free();
        Centroids.Free();
        Labels.Free();
        Distances.Free();
        Running.Free();
        Companion.Free();
        HostCentroids.Free();
        HostCells.Free();
        HostLabels.Free();
        HostDistances.Free();
        HostRunning.Free();
        HostCompanion.Free();
        HostReports.Free();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        IDisposable[] owned =
        [
            Tables, Rows, Means, Norms, Shifts, Gram, Workspace, Cells, Counts, NextClass, Combined, Combinations, Parts, PartNorms, Centroids, Labels, Distances,
            Running, Companion, HostCentroids, HostCells, HostLabels, HostDistances, HostRunning, HostCompanion, HostReports,
        ];
        foreach (IDisposable one in owned)
            one.Dispose();
    }
}
