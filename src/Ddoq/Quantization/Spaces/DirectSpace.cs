using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>Centres as vectors: every assignment reads the rows.</summary>
/// <remarks>For classes whose Gram matrix would cost more than the passes it saves, or would not fit.</remarks>
internal sealed unsafe class DirectSpace : ClusterSpace
{
    private readonly LatentKernels _kernels;
    private readonly CentroidTable _centroids;
    private readonly CentroidTable _origins;
    private readonly CellMeans _means;
    private readonly MeanWriter _writeMean;
    private readonly NativeBuffer<float> _row = new();
    private readonly NativeBuffer<float> _norms = new();
    private readonly NativeBuffer<nint> _pointers = new();
    private readonly NativeBuffer<long> _changed = new();
    private readonly NativeBuffer<float> _gram = new();
    private readonly NativeBuffer<float> _gramScratch = new();
    private readonly NativeBuffer<float> _gramNorms = new();
    private readonly NativeBuffer<float> _gramDistances = new();
    private ClassRows _rows = null!;
    private int _gramRows;

    public DirectSpace(LatentKernels kernels)
    {
        _kernels = kernels;
        _centroids = new(kernels);
        _origins = new(kernels);
        _means = new(kernels);
        _writeMean = WriteMean;
    }

    /// <inheritdoc/>
    public override QuantizationSpace Kind => QuantizationSpace.Direct;

    /// <inheritdoc/>
    public override ReadOnlySpan<float> Weights => _rows.Weights;

    /// <summary>Takes up a class.</summary>
    public void Reset(ClassRows rows, int centroidCount)
    {
        _rows = rows;
        RowCount = rows.Count;
        Dimension = rows.Dimension;
        CentroidCount = centroidCount;
        _centroids.Reset(centroidCount, rows.Dimension);
        _row.ReserveZeroed(rows.PaddedDimension);
        _gramRows = 0;
        _norms.Reserve(rows.Count);
        double total = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            double norm = _kernels.SquaredNorm(Row(i), rows.PaddedDimension);
            _norms.Pointer[i] = (float)norm;
            total += norm;
        }

        ZeroDistance = (float)(RelativeZero * total / Math.Max(1, rows.Count));
    }

    /// <inheritdoc/>
    public override void Assign(Span<int> labels, Span<float> distances)
    {
        _centroids.Assign(_rows, _rows.Pointers, labels, distances);
        for (int i = 0; i < distances.Length; i++)
            distances[i] = Math.Max(0, distances[i] + _norms.Pointer[i]);
    }

    /// <inheritdoc/>
    public override void Assign(ReadOnlySpan<int> rows, Span<int> labels, Span<float> distances)
    {
        if (rows.Length == 1)
        {
            labels[0] = _centroids.Nearest(_rows, _rows[rows[0]], out distances[0]);
        }
        else
        {
            nint* pointers = _pointers.Reserve(rows.Length);
            for (int i = 0; i < rows.Length; i++)
                pointers[i] = _rows.Pointers[rows[i]];
            _centroids.Assign(_rows, pointers, labels, distances);
        }

        for (int i = 0; i < rows.Length; i++)
            distances[i] = Math.Max(0, distances[i] + _norms.Pointer[rows[i]]);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// D4M's first centres come from one buffer of K rows, and k-means++ asks for the distances of each of them several times:
    /// the Gram matrix of the buffer, <c>B^2 D / 2</c>, is then cheaper than <c>count B D</c>. All rows of the class are no
    /// such buffer: their Gram matrix is what this space does without.
    /// </remarks>
    public override void ExpectOrigins(int count, int rowLimit)
    {
        if (rowLimit == _gramRows || !HasGramOfBuffer(RowCount, rowLimit) || rowLimit > 2L * count)
            return;
        float* gram = _gram.Reserve(_kernels.GramLength(rowLimit));
        _kernels.Gram(_rows.Pointers, rowLimit, _rows.Mean, Dimension, _gramScratch.Reserve(_kernels.GramScratchLength(rowLimit)), gram);
        float* norms = _gramNorms.ReserveZeroed(LatentKernels.Pad(rowLimit));
        for (int i = 0; i < rowLimit; i++)
            norms[i] = gram[((nint)i * _kernels.GramStride(rowLimit)) + i];
        _gramDistances.Reserve(LatentKernels.Pad(rowLimit));
        _gramRows = rowLimit;
    }

    /// <inheritdoc/>
    public override void DistancesFrom(ReadOnlySpan<int> origins, int rowLimit, Span<float> distances)
    {
        if (rowLimit == _gramRows)
        {
            DistancesInGram(origins, rowLimit, distances);
            return;
        }

        _origins.Reset(origins.Length, Dimension);
        for (int t = 0; t < origins.Length; t++)
            _origins.Load(t, _rows[origins[t]], _rows);
        for (int first = 0; first < rowLimit; first += LatentKernels.RowsPerBlock)
        {
            int count = Math.Min(LatentKernels.RowsPerBlock, rowLimit - first);
            float* scores = _origins.Scores(_rows, _rows.Pointers + first, count);
            for (int i = 0; i < count; i++)
            {
                for (int t = 0; t < origins.Length; t++)
                {
                    double distance = _norms.Pointer[first + i] + _origins.Norm(t) - (2.0 * scores[(i * _origins.ScoreStride) + t]);

                    // Equal rows come out near 0, not at it.
                    distances[(t * rowLimit) + first + i] = distance > ZeroDistance ? (float)distance : 0f;
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void Place(int centroid, int row) => _centroids.Load(centroid, _rows[row], _rows);

    /// <inheritdoc/>
    public override void Place(ReadOnlySpan<float> centroids) => _centroids.Load(centroids, _rows);

    /// <inheritdoc/>
    public override void MoveToMeans(ReadOnlySpan<int> labels, CellSizes cells) =>
        _means.Write(_rows, labels, cells, _writeMean);

    /// <inheritdoc/>
    public override void Step(int centroid, int row, double rate)
    {
        _kernels.Blend((float)(1 - rate), (float)rate, Row(row), _centroids[centroid], _rows.PaddedDimension);
        _centroids.UpdateNorm(centroid);
    }

    /// <inheritdoc/>
    public override void Absorb(int centroid, double mass, ReadOnlySpan<int> rows, double added)
    {
        int length = _rows.PaddedDimension;
        float* values = _centroids[centroid];
        _kernels.Blend((float)mass, 0f, _row.Pointer, values, length);
        foreach (int row in rows)
            _kernels.AddScaled(Weight(row), Row(row), values, length);
        _kernels.Blend(1f / (float)(mass + added), 0f, _row.Pointer, values, length);
        _centroids.UpdateNorm(centroid);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Rows are visited in order, scored in blocks against the centres as they stand before the block; a move is taken
    /// only if it still gains with the centres of the moment. A pass without moves has seen fresh scores throughout.
    /// </remarks>
    public override (long Rounds, long Moves) Refine(Span<int> labels, CellSizes cells, long moveLimit, CancellationToken cancellation)
    {
        Span<long> changed = _changed.Span(CentroidCount);
        changed.Clear();
        long rounds = 0, moves = 0, movesBefore, block = 0;
        do
        {
            movesBefore = moves;
            rounds++;
            if (!Weights.IsEmpty)
                cells.Measure(labels, Weights);
            for (int first = 0; first < RowCount && moves < moveLimit; first += LatentKernels.RowsPerBlock)
            {
                cancellation.ThrowIfCancellationRequested();
                block++;
                int count = Math.Min(LatentKernels.RowsPerBlock, RowCount - first);
                float* scores = _centroids.Scores(_rows, _rows.Pointers + first, count);
                for (int i = 0; i < count && moves < moveLimit; i++)
                {
                    if (TryMove(first + i, scores + ((nint)i * _centroids.ScoreStride), labels, cells, changed, block))
                        moves++;
                }
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
            for (int j = 0; j < Dimension; j++)
                destination[(k * Dimension) + j] = _centroids[k][j] + _rows.Mean[j];
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _centroids.Dispose();
        _origins.Dispose();
        _means.Dispose();
        _row.Dispose();
        _norms.Dispose();
        _pointers.Dispose();
        _changed.Dispose();
        _gram.Dispose();
        _gramScratch.Dispose();
        _gramNorms.Dispose();
        _gramDistances.Dispose();
    }

    /// <summary>Whether the first centres may be drawn with the Gram matrix of a buffer.</summary>
    public static bool HasGramOfBuffer(int rows, long buffer) => 2 * buffer <= rows && buffer <= SpaceCostModel.MostRows;

    private void DistancesInGram(ReadOnlySpan<int> origins, int rowLimit, Span<float> distances)
    {
        float* padded = _gramDistances.Pointer, norms = _gramNorms.Pointer;
        nint stride = _kernels.GramStride(rowLimit);
        for (int t = 0; t < origins.Length; t++)
        {
            _kernels.DistancesInColumns(_gram.Pointer + (origins[t] * stride), norms, norms[origins[t]], padded, LatentKernels.Pad(rowLimit));
            new ReadOnlySpan<float>(padded, rowLimit).CopyTo(distances[(t * rowLimit)..]);
        }
    }

    private bool TryMove(int row, float* scores, Span<int> labels, CellSizes cells, Span<long> changed, long block)
    {
        int from = labels[row];
        double weight = Weight(row);
        Span<double> masses = cells.Masses;
        double factor = HartiganTest.Leave(masses[from], weight), least = HartiganTest.LeastGain(factor, ZeroDistance);
        if (!HartiganTest.MayLeave(cells.Counts[from], factor))
            return false;
        double norm = _norms.Pointer[row];
        double leave = factor * (norm + _centroids.Norm(from) - (2.0 * scores[from]));
        double best = double.PositiveInfinity;
        int to = from;
        for (int k = 0; k < CentroidCount; k++)
        {
            double join = HartiganTest.Join(masses[k], weight) * (norm + _centroids.Norm(k) - (2.0 * scores[k]));
            if (join < best && k != from)
            {
                best = join;
                to = k;
            }
        }

        if (!(leave - best > least))
            return false;
        float* values = Row(row);
        if (changed[from] == block || changed[to] == block)
        {
            leave = factor * _kernels.SquaredDistanceInBlocks(values, _centroids[from], _rows.PaddedDimension);
            best = HartiganTest.Join(masses[to], weight) * _kernels.SquaredDistanceInBlocks(values, _centroids[to], _rows.PaddedDimension);
            if (!(leave - best > least))
                return false;
        }

        Shift(from, masses[from], -weight, values);
        Shift(to, masses[to], weight, values);
        cells.Move(from, to, weight);
        labels[row] = to;
        if (weight > masses[from])
            SumCell(from, labels, masses[from]);
        changed[from] = changed[to] = block;
        return true;
    }

    private void Shift(int centroid, double mass, double weight, float* values)
    {
        double after = mass + weight;
        _kernels.Blend((float)(mass / after), (float)(weight / after), values, _centroids[centroid], _rows.PaddedDimension);
        _centroids.UpdateNorm(centroid);
    }

    // After a row of most of the mass has left: what is left of the mean would be its rounding.
    private void SumCell(int cell, ReadOnlySpan<int> labels, double mass)
    {
        float* values = _centroids[cell];
        new Span<float>(values, _rows.PaddedDimension).Clear();
        for (int i = 0; i < RowCount; i++)
        {
            if (labels[i] == cell)
                _kernels.AddScaled(Weight(i), Row(i), values, _rows.PaddedDimension);
        }

        _kernels.Blend((float)(1 / mass), 0f, _row.Pointer, values, _rows.PaddedDimension);
        _centroids.UpdateNorm(cell);
    }

    private void WriteMean(int cell, ReadOnlySpan<float> mean)
    {
        float* values = _centroids[cell];
        for (int j = 0; j < mean.Length; j++)
            values[j] = mean[j] - _rows.Mean[j];
        _centroids.UpdateNorm(cell);
    }

    private float* Row(int row)
    {
        _kernels.WidenCentred(_rows[row], _rows.Mean, _row.Pointer, _rows.Dimension);
        return _row.Pointer;
    }
}
