using Ddoq.Latents;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization.Algorithms;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Quantization;

/// <summary>Bytes that the work on one class takes, from its size and the options alone.</summary>
/// <remarks>
/// Counts the rows (whether mapped in place or copied), the working space of <see cref="ClassFit"/>, and the result with
/// the copies that saving it makes. A test holds it against what is really reserved.
/// </remarks>
internal sealed class ClassMemory(LatentKernels kernels, QuantizerOptions options, int dimension)
{
    /// <summary>
    /// What the process takes beside the classes: runtime, compiled code, file headers, the copy of a class that is being
    /// saved. Measured at 70 to 100 MiB.
    /// </summary>
    public const long ProcessBytes = 128L << 20;

    // Per row: pointers, order, marks, labels and distances of the fit, proposals of Hartigan's rounds.
    private const int BytesPerRow = 160;

    // The centres of a result exist as the best of the restarts, as the result, and while being saved.
    private const int CopiesOfCentroids = 3;

    private long PaddedDimension => LatentKernels.Pad(dimension);

    /// <summary>The space for a class: the quicker one, or direct space where a Gram matrix does not fit the limit.</summary>
    /// <param name="fitRows">Rows of the fit.</param>
    public QuantizationSpace ChooseSpace(int fitRows)
    {
        int centroids = Math.Min(options.CentroidCount, fitRows);
        QuantizationSpace space = SpaceCostModel.Choose(options, fitRows, centroids, dimension);
        return IsForcedDirect(space, fitRows) ? QuantizationSpace.Direct : space;
    }

    /// <summary>Whether the limit alone keeps a class from being worked on in Gram space.</summary>
    public bool IsForcedDirect(int fitRows) =>
        IsForcedDirect(SpaceCostModel.Choose(options, fitRows, Math.Min(options.CentroidCount, fitRows), dimension), fitRows);

    /// <summary>Bytes for a class.</summary>
    /// <param name="rows">All rows of the class.</param>
    public long Bytes(int rows)
    {
        int fitRows = FitRows(rows);
        return Bytes(rows, fitRows, ChooseSpace(fitRows));
    }

    /// <summary>Rows of the fit when some are held out: at least one stays in.</summary>
    public int FitRows(int rows) => rows - Math.Max(0, Math.Min((int)(options.HoldOutFraction * rows), rows - 1));

    private bool IsForcedDirect(QuantizationSpace space, int fitRows) =>
        options.MemoryLimit > 0
        && options.Space == QuantizationSpace.Auto
        && space == QuantizationSpace.Gram
        && Bytes(fitRows, fitRows, QuantizationSpace.Gram) > options.MemoryLimit - ProcessBytes;

    private long Bytes(int rows, int fitRows, QuantizationSpace space)
    {
        int centroids = Math.Min(options.CentroidCount, Math.Max(1, fitRows));
        int trials = 2 + (int)Math.Log(centroids);
        long bytes = (long)rows * dimension * LatentElement.Size(kernels.RowType);
        bytes += (long)rows * (BytesPerRow + (sizeof(float) * trials));
        bytes += CopiesOfCentroids * sizeof(float) * (long)centroids * dimension;
        bytes += TableBytes(centroids);
        if (space == QuantizationSpace.Gram)
        {
            // G and the strip it is made from; V, its coefficients and the products with given starts; written centres.
            bytes += sizeof(float) * ((long)kernels.GramLength(fitRows) + kernels.GramScratchLength(fitRows));
            bytes += sizeof(float) * 3L * centroids * kernels.GramStride(fitRows);
            bytes += (options.Initialization == CentroidInitialization.Given ? 2 : 1) * TableBytes(centroids);
        }
        else
        {
            bytes += TableBytes(centroids) + TableBytes(trials);
            long buffer = (long)options.KmExpand * centroids;
            if (options.Algorithm == QuantizationAlgorithm.D4m && DirectSpace.HasGramOfBuffer(fitRows, buffer))
                bytes += sizeof(float) * ((long)kernels.GramLength((int)buffer) + kernels.GramScratchLength((int)buffer));
        }

        if (options.Algorithm == QuantizationAlgorithm.Support)
            bytes += SupportIteration.Bytes(kernels, fitRows, centroids, dimension, space);
        return bytes;
    }

    // A CentroidTable: values, panels, scores and scratch.
    private long TableBytes(int centroids) => sizeof(float) * (
        ((long)centroids * CentroidTable.Stride(dimension)) + kernels.PanelLength(centroids, dimension) + LatentKernels.ScoreScratchLength
        + ((long)LatentKernels.RowsPerBlock * kernels.ScoreStride(centroids)) + PaddedDimension);
}
