using Ddoq.Latents;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Quantization;

/// <summary>Assigns rows to given centres.</summary>
/// <remarks>Deterministic; stateless and thread-safe. Runs on the calling thread, with the instruction set of <c>DDOQ_SIMD</c>.</remarks>
internal static unsafe class NearestCentroids
{
    /// <summary>The nearest centre of each row, the lowest index among equals.</summary>
    /// <param name="centroids">K x D, row-major; K is at least 1.</param>
    /// <param name="dimension">D, positive.</param>
    /// <param name="rows">As many rows of D values as there is room for labels.</param>
    /// <param name="type">How they are stored.</param>
    /// <param name="labels">Receives a label per row.</param>
    /// <param name="distances">Receives squared distances, fp64 from the fp32 difference; empty for none.</param>
    /// <exception cref="DdoqException">A value of a row is not finite.</exception>
    public static void Assign(ReadOnlySpan<float> centroids, int dimension, byte* rows, LatentElementType type, Span<int> labels, Span<double> distances)
    {
        LatentKernels kernels = KernelTable.Default.ForRows(type);
        nint rowBytes = (nint)dimension * LatentElement.Size(type);
        using var table = new ClassRows();
        using var known = new CentroidTable(kernels);
        table.Reset(labels.Length, dimension);
        for (int i = 0; i < labels.Length; i++)
        {
            byte* row = rows + (i * rowBytes);
            var bytes = new ReadOnlySpan<byte>(row, checked((int)rowBytes));
            int bad = FiniteScan.IndexOfUnusable(bytes, type);
            if (bad >= 0)
                throw new DdoqException($"Row {i}: value {bad} is {FiniteScan.ValueAt(bytes, type, bad)}; rows must be finite{(type == LatentElementType.F16 ? string.Empty : ", and at most 1e14 in size")}.");
            table.Add(row);
        }

        known.Reset(centroids.Length / dimension, dimension);
        known.Load(centroids, table);
        known.Assign(table, table.Pointers, labels, new float[labels.Length]);
        for (int i = 0; i < distances.Length; i++)
            distances[i] = known.SquaredDistance(table, table[i], labels[i]);
    }
}
