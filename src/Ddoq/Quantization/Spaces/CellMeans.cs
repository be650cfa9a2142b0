using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>Means of cells, straight from the rows: the centres every algorithm of means reports.</summary>
internal sealed unsafe class CellMeans(LatentKernels kernels) : IDisposable
{
    private readonly NativeBuffer<float> _sums = new();
    private readonly NativeBuffer<float> _row = new();

    /// <summary>Writes the mean of every cell that has rows; other centres are left as they are.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="labels">Cell of each row (N).</param>
    /// <param name="counts">Rows of each cell (K).</param>
    /// <param name="centroids">K x D, in the coordinates of the latents.</param>
    /// <remarks>Rows are added in order, in fp32; N x D values are read once.</remarks>
    public void Write(ClassRows rows, ReadOnlySpan<int> labels, ReadOnlySpan<int> counts, Span<float> centroids)
    {
        int length = rows.PaddedDimension;
        float* sums = _sums.ReserveZeroed((nint)counts.Length * length);
        float* row = _row.ReserveZeroed(length);
        for (int i = 0; i < rows.Count; i++)
        {
            kernels.Widen(rows[i], row, rows.Dimension);
            kernels.AddScaled(1f, row, sums + ((nint)labels[i] * length), length);
        }

        for (int k = 0; k < counts.Length; k++)
        {
            if (counts[k] == 0)
                continue;
            float* sum = sums + ((nint)k * length);
            Span<float> centroid = centroids.Slice(k * rows.Dimension, rows.Dimension);
            for (int j = 0; j < centroid.Length; j++)
                centroid[j] = (float)(sum[j] / (double)counts[k]);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sums.Dispose();
        _row.Dispose();
    }
}
