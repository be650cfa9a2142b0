using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>Points as vectors: a round reads the rows twice, 2 K N D multiply-adds.</summary>
internal sealed unsafe class DirectSupportSpace(LatentKernels kernels) : SupportSpace(kernels)
{
    private readonly CentroidTable _table = new(kernels);
    private readonly NativeBuffer<float> _rowNorms = new();
    private readonly NativeBuffer<float> _row = new();

    /// <inheritdoc/>
    protected override int ArraysPerPosition => 1;

    /// <summary>Takes up a class or a sample of its rows.</summary>
    public void Reset(ClassRows rows, int points, int slots)
    {
        Reset(rows, points, slots, rows.PaddedDimension);
        _table.Reset(points, rows.Dimension);
        float* norms = _rowNorms.ReserveZeroed(DistanceStride);
        float* values = _row.ReserveZeroed(rows.PaddedDimension);
        double total = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            Kernels.WidenCentred(rows[i], rows.Mean, values, rows.Dimension);
            double norm = Kernels.SquaredNorm(values, rows.PaddedDimension);
            norms[i] = (float)norm;
            total += norm;
        }

        ZeroDistance = (float)(ClusterSpace.RelativeZero * total / rows.Count);
    }

    /// <summary>Bytes of the positions, beside a table of the points.</summary>
    public static long Bytes(int points, int dimension, int slots) => sizeof(float) * PositionLength(points, LatentKernels.Pad(dimension), slots);

    /// <summary>Puts the points of a position on given points (K x D), in the coordinates of the latents.</summary>
    public void Place(int slot, ReadOnlySpan<float> centroids)
    {
        Clear(slot);
        for (int k = 0; k < PointCount; k++)
        {
            float* point = Primal(slot) + ((nint)k * Stride);
            for (int j = 0; j < Rows.Dimension; j++)
                point[j] = centroids[(k * Rows.Dimension) + j] - Rows.Mean[j];
        }
    }

    /// <inheritdoc/>
    public override void Place(int slot, int point, int row, int other, float share)
    {
        float* values = Primal(slot) + ((nint)point * Stride);
        new Span<float>(values, Stride).Clear();
        Kernels.WidenCentred(Rows[row], Rows.Mean, values, Rows.Dimension);
        Kernels.WidenCentred(Rows[other], Rows.Mean, _row.Pointer, Rows.Dimension);
        Kernels.Blend(1 - share, share, _row.Pointer, values, Stride);
    }

    /// <inheritdoc/>
    public override void Measure(int slot, float* squared, double* norms)
    {
        for (int k = 0; k < PointCount; k++)
        {
            new ReadOnlySpan<float>(Primal(slot) + ((nint)k * Stride), Stride).CopyTo(new Span<float>(_table[k], Stride));
            _table.UpdateNorm(k);
            norms[k] = _table.Norm(k);
            new Span<float>(squared + ((nint)k * DistanceStride), DistanceStride).Clear();
        }

        for (int first = 0; first < Rows.Count; first += LatentKernels.RowsPerBlock)
        {
            int count = Math.Min(LatentKernels.RowsPerBlock, Rows.Count - first);
            float* scores = _table.Scores(Rows, Rows.Pointers + first, count);
            for (int i = 0; i < count; i++)
            {
                double norm = _rowNorms.Pointer[first + i];
                float* row = scores + ((nint)i * _table.ScoreStride), column = squared + first + i;
                for (nint k = 0; k < PointCount; k++)
                    column[k * DistanceStride] = (float)Math.Max(0, norm + norms[k] - (2.0 * row[k]));
            }
        }
    }

    /// <inheritdoc/>
    public override void Combine(int from, int to, float* shares, float* ties)
    {
        Kernels.Combine(shares, DistanceStride, PointCount, Rows.Pointers, Rows.Count, Rows.Mean, Rows.Dimension, Scratch, Primal(to), Stride, add: false);
        Singles.Combine(
            ties, LatentKernels.Pad(PointCount), PointCount, Pointers(Primal(from), PointCount, Stride), PointCount, NoShift, Rows.Dimension, Scratch, Primal(to), Stride, add: true);
    }

    /// <inheritdoc/>
    public override void CopyCentroids(int slot, Span<float> destination)
    {
        for (int k = 0; k < PointCount; k++)
        {
            for (int j = 0; j < Rows.Dimension; j++)
                destination[(k * Rows.Dimension) + j] = Primal(slot)[((nint)k * Stride) + j] + Rows.Mean[j];
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _table.Dispose();
        _rowNorms.Dispose();
        _row.Dispose();
    }
}
