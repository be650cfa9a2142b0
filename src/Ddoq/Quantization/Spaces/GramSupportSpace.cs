using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>Points as their coefficients W (K x N) and their products W G with the rows: a round costs K N^2 multiply-adds.</summary>
/// <remarks>
/// Equal rows share their coefficients evenly: only the sum of these is determined, and mixtures would let the rest grow until
/// its rounding hides the points.
/// </remarks>
internal sealed unsafe class GramSupportSpace(LatentKernels kernels) : SupportSpace(kernels)
{
    private readonly NativeBuffer<float> _written = new();
    private readonly NativeBuffer<int> _equalRows = new();
    private Comparison<int>? _compare;
    private int _equalCount;
    private GramSpace _gram = null!;

    /// <inheritdoc/>
    protected override int ArraysPerPosition => 2;

    /// <summary>Takes up the class whose Gram matrix is at hand.</summary>
    public void Reset(GramSpace gram, int slots)
    {
        _gram = gram;
        Reset(gram.Rows, gram.CentroidCount, slots, gram.Stride);
        ZeroDistance = gram.ZeroDistance;
        GroupEqualRows();
    }

    /// <summary>Bytes beside the Gram matrix.</summary>
    public static long Bytes(LatentKernels kernels, int rows, int points, int dimension, int slots) =>
        (sizeof(float) * (PositionLength(points, kernels.GramStride(rows), 2 * slots) + ((long)LatentKernels.CombinedRows(points) * LatentKernels.Pad(dimension)))) + (sizeof(int) * (long)rows);

    /// <inheritdoc/>
    public override void Place(int slot, int point, int row, int other, float share)
    {
        float* coefficients = Primal(slot) + ((nint)point * Stride), products = Dual(slot) + ((nint)point * Stride);
        new Span<float>(coefficients, Stride).Clear();
        new Span<float>(products, Stride).Clear();
        coefficients[row] += 1 - share;
        coefficients[other] += share;
        ShareEvenly(coefficients);
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
        for (nint k = 0; k < PointCount; k++)
            ShareEvenly(coefficients + (k * Stride));
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
        _equalRows.Dispose();
    }

    // Groups of two or more equal rows, one after the other; the last row of each is kept as its complement.
    private void GroupEqualRows()
    {
        Span<int> order = _equalRows.Span(Rows.Count);
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        order.Sort(_compare ??= Compare);
        int write = 0;
        for (int first = 0, end; first < order.Length; first = end)
        {
            end = first + 1;
            while (end < order.Length && Values(order[first]).SequenceEqual(Values(order[end])))
                end++;
            if (end - first < 2)
                continue;
            for (int i = first; i < end; i++)
                order[write++] = order[i];
            order[write - 1] = ~order[write - 1];
        }

        _equalCount = write;
    }

    private int Compare(int row, int other)
    {
        int order = Values(row).SequenceCompareTo(Values(other));
        return order != 0 ? order : row.CompareTo(other);
    }

    private ReadOnlySpan<byte> Values(int row) => new(Rows[row], Rows.Dimension * LatentElement.Size(Kernels.RowType));

    private void ShareEvenly(float* coefficients)
    {
        int* rows = _equalRows.Pointer;
        for (int first = 0, end; first < _equalCount; first = end)
        {
            double sum = 0;
            for (end = first; rows[end] >= 0; end++)
                sum += coefficients[rows[end]];
            sum += coefficients[~rows[end++]];
            float share = (float)(sum / (end - first));
            for (int i = first; i < end - 1; i++)
                coefficients[rows[i]] = share;
            coefficients[~rows[end - 1]] = share;
        }
    }
}
