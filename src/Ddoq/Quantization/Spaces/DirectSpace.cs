using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>Centres as vectors: every assignment reads the rows.</summary>
internal sealed unsafe class DirectSpace(LatentKernels kernels) : ClusterSpace
{
    private readonly CentroidTable _centroids = new(kernels);
    private readonly NativeBuffer<float> _row = new();
    private readonly NativeBuffer<float> _other = new();
    private ClassRows _rows = null!;

    /// <inheritdoc/>
    public override QuantizationSpace Kind => QuantizationSpace.Direct;

    /// <summary>Takes up a class.</summary>
    public void Reset(ClassRows rows, int centroidCount)
    {
        _rows = rows;
        RowCount = rows.Count;
        Dimension = rows.Dimension;
        CentroidCount = centroidCount;
        _centroids.Reset(centroidCount, rows.PaddedDimension);
        _row.ReserveZeroed(rows.PaddedDimension);
        _other.ReserveZeroed(rows.PaddedDimension);
        double norms = 0;
        for (int i = 0; i < rows.Count; i++)
            norms += kernels.SquaredNorm(Row(i, _row), rows.PaddedDimension);
        ZeroDistance = (float)(1e-6 * norms / Math.Max(1, rows.Count));
    }

    /// <inheritdoc/>
    public override void Assign(Span<int> labels, Span<float> distances)
    {
        for (int i = 0; i < RowCount; i++)
            labels[i] = _centroids.Nearest(_rows, _rows[i], out distances[i]);
    }

    /// <inheritdoc/>
    public override void Assign(ReadOnlySpan<int> rows, Span<int> labels, Span<float> distances)
    {
        for (int i = 0; i < rows.Length; i++)
            labels[i] = _centroids.Nearest(_rows, _rows[rows[i]], out distances[i]);
    }

    /// <inheritdoc/>
    public override void DistancesFrom(int row, Span<float> distances)
    {
        float* origin = Row(row, _other);
        for (int i = 0; i < distances.Length; i++)
            distances[i] = (float)kernels.SquaredDistanceInBlocks(Row(i, _row), origin, _rows.PaddedDimension);
    }

    /// <inheritdoc/>
    public override void Place(int centroid, int row)
    {
        kernels.WidenCentred(_rows[row], _rows.Mean, _centroids[centroid], _rows.Dimension);
        _centroids.UpdateNorm(centroid);
    }

    /// <inheritdoc/>
    public override void Place(ReadOnlySpan<float> centroids) => _centroids.Load(centroids, _rows);

    /// <inheritdoc/>
    public override void MoveToMeans(ReadOnlySpan<int> labels, ReadOnlySpan<int> counts)
    {
        int length = _rows.PaddedDimension;
        for (int k = 0; k < CentroidCount; k++)
        {
            if (counts[k] > 0)
                new Span<float>(_centroids[k], length).Clear();
        }

        for (int i = 0; i < RowCount; i++)
            kernels.AddScaled(1f, Row(i, _row), _centroids[labels[i]], length);
        for (int k = 0; k < CentroidCount; k++)
        {
            if (counts[k] == 0)
                continue;
            kernels.Blend(1f / counts[k], 0f, _row.Pointer, _centroids[k], length);
            _centroids.UpdateNorm(k);
        }
    }

    /// <inheritdoc/>
    public override void Step(int centroid, int row, double rate)
    {
        kernels.Blend((float)(1 - rate), (float)rate, Row(row, _row), _centroids[centroid], _rows.PaddedDimension);
        _centroids.UpdateNorm(centroid);
    }

    /// <inheritdoc/>
    public override void Absorb(int centroid, long weight, ReadOnlySpan<int> rows)
    {
        int length = _rows.PaddedDimension;
        float* values = _centroids[centroid];
        kernels.Blend(weight, 0f, _row.Pointer, values, length);
        foreach (int row in rows)
            kernels.AddScaled(1f, Row(row, _row), values, length);
        kernels.Blend(1f / (weight + rows.Length), 0f, _row.Pointer, values, length);
        _centroids.UpdateNorm(centroid);
    }

    /// <inheritdoc/>
    public override (long Rounds, long Moves) Refine(Span<int> labels, Span<int> counts, long moveLimit, CancellationToken cancellation)
    {
        long rounds = 0, moves = 0, movesBefore;
        do
        {
            movesBefore = moves;
            rounds++;
            for (int i = 0; i < RowCount && moves < moveLimit; i++)
            {
                if ((i & 63) == 0)
                    cancellation.ThrowIfCancellationRequested();
                moves += TryMove(i, labels, counts);
            }
        }
        while (moves > movesBefore && moves < moveLimit);
        return (rounds, moves);
    }

    /// <inheritdoc/>
    public override void CopyCentroids(Span<float> destination, ReadOnlySpan<int> counts)
    {
        for (int k = 0; k < CentroidCount; k++)
        {
            if (!counts.IsEmpty && counts[k] > 0)
                continue;
            for (int j = 0; j < _rows.Dimension; j++)
                destination[(k * _rows.Dimension) + j] = _centroids[k][j] + _rows.Mean[j];
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _centroids.Dispose();
        _row.Dispose();
        _other.Dispose();
    }

    private int TryMove(int row, Span<int> labels, Span<int> counts)
    {
        int from = labels[row];
        if (counts[from] < 2)
            return 0;
        int length = _rows.PaddedDimension;
        float* values = Row(row, _row);
        double leave = HartiganTest.Leave(counts[from], kernels.SquaredDistanceInBlocks(values, _centroids[from], length));
        double best = double.PositiveInfinity;
        int to = from;
        for (int k = 0; k < CentroidCount; k++)
        {
            if (k == from)
                continue;
            double join = HartiganTest.Join(counts[k], kernels.SquaredDistanceInBlocks(values, _centroids[k], length));
            if (join < best)
            {
                best = join;
                to = k;
            }
        }

        if (!(leave - best > ZeroDistance))
            return 0;
        kernels.Blend((float)(counts[from] / (counts[from] - 1.0)), (float)(-1 / (counts[from] - 1.0)), values, _centroids[from], length);
        kernels.Blend((float)(counts[to] / (counts[to] + 1.0)), (float)(1 / (counts[to] + 1.0)), values, _centroids[to], length);
        _centroids.UpdateNorm(from);
        _centroids.UpdateNorm(to);
        counts[from]--;
        counts[to]++;
        labels[row] = to;
        return 1;
    }

    private float* Row(int row, NativeBuffer<float> buffer)
    {
        kernels.WidenCentred(_rows[row], _rows.Mean, buffer.Pointer, _rows.Dimension);
        return buffer.Pointer;
    }
}
