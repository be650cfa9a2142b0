using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>Points as their coefficients W (K x N) and their products W G with the rows: a round costs K N^2 multiply-adds.</summary>
internal sealed unsafe class GramSupportSpace(LatentKernels kernels) : SupportSpace(kernels)
{
    private readonly NativeBuffer<float> _written = new();
    private GramSpace _gram = null!;

    /// <inheritdoc/>
    protected override int ArraysPerPosition => 2;

    /// <summary>Takes up the class whose Gram matrix is at hand.</summary>
    public void Reset(GramSpace gram, int slots)
    {
        _gram = gram;
        Reset(gram.Rows, gram.CentroidCount, slots, gram.Stride);
        ZeroDistance = gram.ZeroDistance;
    }

    /// <summary>Bytes beside the Gram matrix.</summary>
    public static long Bytes(LatentKernels kernels, int rows, int points, int dimension, int slots) =>
        sizeof(float) * (PositionLength(points, kernels.GramStride(rows), 2 * slots) + ((long)LatentKernels.CombinedRows(points) * LatentKernels.Pad(dimension)));

    /// <inheritdoc/>
    public override void Place(int slot, int point, int row, int other, float share)
    {
        float* coefficients = Primal(slot) + ((nint)point * Stride), products = Dual(slot) + ((nint)point * Stride);
        new Span<float>(coefficients, Stride).Clear();
        new Span<float>(products, Stride).Clear();
        coefficients[row] += 1 - share;
        coefficients[other] += share;
        Kernels.AddScaled(1 - share, _gram.GramRow(row), products, DistanceStride);
        Kernels.AddScaled(share, _gram.GramRow(other), products, DistanceStride);
    }

    /// <inheritdoc/>
    public override void Measure(int slot, float* squared, double* norms)
    {
        for (int k = 0; k < PointCount; k++)
        {
            norms[k] = Product(slot, k, k);
            Kernels.DistancesInColumns(Dual(slot) + ((nint)k * Stride), _gram.RowNorms, (float)norms[k], squared + ((nint)k * DistanceStride), DistanceStride);
        }
    }

    /// <inheritdoc/>
    public override void Combine(int from, int to, float* shares, float* ties)
    {
        float* coefficients = Primal(to);
        for (nint k = 0; k < PointCount; k++)
        {
            new ReadOnlySpan<float>(shares + (k * DistanceStride), DistanceStride).CopyTo(new Span<float>(coefficients + (k * Stride), DistanceStride));
            new Span<float>(coefficients + (k * Stride) + DistanceStride, Stride - DistanceStride).Clear();
        }

        Singles.Combine(
            ties, LatentKernels.Pad(PointCount), PointCount, Pointers(Primal(from), PointCount, Stride), PointCount, NoShift, Rows.Count, Scratch, coefficients, Stride, add: true);
        Refresh(to);
    }

    /// <inheritdoc/>
    public override void Refresh(int slot)
    {
        int count = Rows.Count;
        Singles.Combine(Primal(slot), Stride, PointCount, Pointers(_gram.GramRow(0), count, _gram.Stride), count, NoShift, count, Scratch, Dual(slot), Stride, add: false);
        for (nint k = 0; k < PointCount; k++)
            new Span<float>(Dual(slot) + (k * Stride) + DistanceStride, Stride - DistanceStride).Clear();
    }

    /// <inheritdoc/>
    public override void CopyCentroids(int slot, Span<float> destination)
    {
        int padded = Rows.PaddedDimension, dimension = Rows.Dimension;
        float* written = _written.Reserve((nint)LatentKernels.CombinedRows(PointCount) * padded);
        Kernels.Combine(Primal(slot), Stride, PointCount, Rows.Pointers, Rows.Count, Rows.Mean, dimension, Scratch, written, padded, add: false);
        for (int k = 0; k < PointCount; k++)
        {
            for (int j = 0; j < dimension; j++)
                destination[(k * dimension) + j] = written[((nint)k * padded) + j] + Rows.Mean[j];
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _written.Dispose();
    }
}
