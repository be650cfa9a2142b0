using Ddoq.Cuda.Kernels;
using Ddoq.Quantization;

namespace Ddoq.Cuda.Quantization;

/// <summary>One class of a batch: its sizes, and where it lies in the arrays of the batch.</summary>
internal readonly struct BatchClass
{
    /// <summary>Sizes of a class; its place is that behind <paramref name="previous"/>.</summary>
    public BatchClass(int classIndex, int rows, int dimension, RowFormat format, QuantizerOptions options, BatchClass previous)
    {
        ClassIndex = classIndex;
        Format = format;
        Rows = rows;
        Dimension = dimension;
        Stride = RowFormat.StrideOf(dimension);
        HeldOut = Math.Min((int)(options.HoldOutFraction * rows), rows - 1);
        Centroids = Math.Min(options.CentroidCount, TrainingRows);
        GramStride = (TrainingRows + 3) / 4 * 4;
        Trials = KernelShapes.Trials(Centroids);
        WorkspaceBytes = KernelShapes.ClusterWorkspaceBytes(TrainingRows, Centroids, GramStride, Trials)
            + (options.Algorithm == QuantizationAlgorithm.Support ? KernelShapes.SupportWorkspaceBytes(Centroids, GramStride) : 0);
        RowBegin = previous.RowEnd;
        CentroidBegin = previous.CentroidEnd;
        GramBegin = previous.GramEnd;
        WorkspaceBegin = previous.WorkspaceEnd;
        CombinationBegin = previous.CombinationEnd;
    }

    public int ClassIndex { get; }

    /// <summary>How its rows are stored.</summary>
    public RowFormat Format { get; }

    /// <summary>All rows: those of the fit first, then those held out.</summary>
    public int Rows { get; }

    public int Dimension { get; }

    /// <summary>Elements from one row, or one centroid, to the next.</summary>
    public int Stride { get; }

    public int HeldOut { get; }

    public int TrainingRows => Rows - HeldOut;

    public int Centroids { get; }

    /// <summary>Bytes from one row to the next.</summary>
    public long RowBytes => (long)Stride * Format.Bytes;

    public int GramStride { get; }

    public int Trials { get; }

    public long WorkspaceBytes { get; }

    public long RowBegin { get; }

    public long CentroidBegin { get; }

    public long GramBegin { get; }

    public long WorkspaceBegin { get; }

    public long CombinationBegin { get; }

    public long RowEnd => RowBegin + Rows;

    public long CentroidEnd => CentroidBegin + Centroids;

    public long GramEnd => GramBegin + ((long)TrainingRows * GramStride);

    public long WorkspaceEnd => WorkspaceBegin + WorkspaceBytes;

    public long CombinationEnd => CombinationBegin + ((long)Centroids * GramStride);

    /// <summary>Device memory that the class needs.</summary>
    public long DeviceBytes =>
        ((long)Rows * (RowBytes + 32)) // rows; norms, shifts, cells, labels, distances
        + (4 * ((long)TrainingRows * GramStride)) // Gram matrix
        + WorkspaceBytes
        + (4L * Centroids * GramStride) // combinations
        + ((long)Centroids * ((Stride * 8L) + 32)) // centroids and their two parts; norms, counts
        + (Dimension * 4L) // mean
        + 256; // tables

    /// <summary>Page-locked memory that its results need.</summary>
    public long ResultBytes => ((long)Rows * 16) + ((long)Centroids * ((Stride * 4L) + 16)) + 256;

    /// <summary>The class as the kernels see it, with the rows of the fit alone or all.</summary>
    public ClassRange Range(bool all) => new()
    {
        RowBegin = RowBegin,
        CentroidBegin = CentroidBegin,
        GramBegin = GramBegin,
        RowCount = all ? Rows : TrainingRows,
        CentroidCount = Centroids,
        GramStride = GramStride,
    };
}
