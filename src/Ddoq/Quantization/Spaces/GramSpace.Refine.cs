using Ddoq.Numerics;

namespace Ddoq.Quantization.Spaces;

/// <summary>Hartigan's moves in rounds.</summary>
/// <remarks>
/// In a round every row finds the cell it would gain most by moving to (the lowest among equals), all from the same
/// centres. The moves are taken in falling order of gain (the lower row first among equals), each only if both of its
/// cells are still untouched in this round: so every move gains exactly what it promised, and the sum of squared
/// distances falls with each. Rounds end when no row gains more than rounding, with all centres freshly summed.
/// </remarks>
internal sealed unsafe partial class GramSpace
{
    private readonly NativeBuffer<float> _joinFactors = new();
    private readonly NativeBuffer<float> _floatLabels = new();
    private readonly NativeBuffer<ulong> _proposals = new();
    private readonly NativeBuffer<long> _lastRound = new();

    /// <inheritdoc/>
    public override (long Rounds, long Moves) Refine(Span<int> labels, Span<int> counts, long moveLimit, CancellationToken cancellation)
    {
        Span<long> lastRound = _lastRound.Span(CentroidCount);
        lastRound.Clear();
        new Span<float>(_floatLabels.ReserveZeroed(PaddedRows), PaddedRows).Clear();
        for (int i = 0; i < RowCount; i++)
            _floatLabels.Pointer[i] = labels[i];
        long rounds = 0, moves = 0;
        while (moves < moveLimit)
        {
            cancellation.ThrowIfCancellationRequested();
            rounds++;
            Span<ulong> proposals = Propose(labels, counts);
            if (proposals.IsEmpty)
            {
                if (!SumChangedCellsAgain(labels, counts))
                    break;
                continue;
            }

            proposals.Sort();
            foreach (ulong proposal in proposals)
            {
                int row = (int)(uint)proposal, from = labels[row], to = (int)_index.Pointer[row];
                if (lastRound[from] == rounds || lastRound[to] == rounds)
                    continue;
                lastRound[from] = lastRound[to] = rounds;
                Move(row, from, to, labels, counts);
                moves++;
            }
        }

        return (rounds, moves);
    }

    // Moves that gain, as sortable numbers: the larger gain first, then the lower row.
    private Span<ulong> Propose(ReadOnlySpan<int> labels, ReadOnlySpan<int> counts)
    {
        PrepareColumns();
        float* factors = _joinFactors.Reserve(CentroidCount);
        for (int k = 0; k < CentroidCount; k++)
            factors[k] = (float)HartiganTest.Join(counts[k], 1);
        kernels.CheapestJoinInColumns(
            _v.Pointer, _stride, _slopes.Pointer, _floatNorms.Pointer, factors, CentroidCount, _rowNorms.Pointer, _floatLabels.Pointer, _best.Pointer, _index.Pointer, PaddedRows);
        ulong* proposals = _proposals.Reserve(RowCount);
        int found = 0;
        for (int i = 0; i < RowCount; i++)
        {
            int from = labels[i];
            if (counts[from] < 2)
                continue;
            double distance = _rowNorms.Pointer[i] + _norms.Pointer[from] - (2 * Product(from, i));
            float gain = (float)(HartiganTest.Leave(counts[from], distance) - _best.Pointer[i]);
            if (gain > ZeroDistance)
                proposals[found++] = ((ulong)~BitConverter.SingleToUInt32Bits(gain) << 32) | (uint)i;
        }

        return new(proposals, found);
    }

    private void Move(int row, int from, int to, Span<int> labels, Span<int> counts)
    {
        Shift(from, row, counts[from], -1);
        if (counts[to] == 0)
            Place(to, row);
        else
            Shift(to, row, counts[to], 1);
        _definitions.Pointer[to] = Definition.Cell;
        counts[from]--;
        counts[to]++;
        labels[row] = to;
        _cellLabels.Pointer[row] = to;
        _floatLabels.Pointer[row] = to;
        if (_updates.Pointer[from] >= UpdatesBetweenRebuilds)
            SumCell(from, labels, counts[from]);
        if (_updates.Pointer[to] >= UpdatesBetweenRebuilds)
            SumCell(to, labels, counts[to]);
    }

    private void Shift(int centroid, int row, int count, int sign)
    {
        double after = count + sign;
        double norm = ((double)count * count * _norms.Pointer[centroid]) + (2.0 * sign * count * Product(centroid, row)) + _rowNorms.Pointer[row];
        _norms.Pointer[centroid] = norm / (after * after);
        kernels.AddScaled(sign, GramRow(row), V(centroid), PaddedRows);
        _scales.Pointer[centroid] = 1 / after;
        _updates.Pointer[centroid]++;
    }

    private bool SumChangedCellsAgain(ReadOnlySpan<int> labels, ReadOnlySpan<int> counts)
    {
        bool any = false;
        for (int k = 0; k < CentroidCount; k++)
        {
            if (_updates.Pointer[k] == 0 || counts[k] == 0)
                continue;
            SumCell(k, labels, counts[k]);
            any = true;
        }

        return any;
    }

    private void SumCell(int cell, ReadOnlySpan<int> labels, int count)
    {
        float* v = V(cell);
        new Span<float>(v, PaddedRows).Clear();
        for (int i = 0; i < RowCount; i++)
        {
            if (labels[i] == cell)
                kernels.AddScaled(1f, GramRow(i), v, PaddedRows);
        }

        double norm = 0;
        for (int i = 0; i < RowCount; i++)
        {
            if (labels[i] == cell)
                norm += v[i];
        }

        _norms.Pointer[cell] = norm / ((double)count * count);
        _scales.Pointer[cell] = 1.0 / count;
        _updates.Pointer[cell] = 0;
    }

    private void DisposeRefinement()
    {
        _joinFactors.Dispose();
        _floatLabels.Dispose();
        _proposals.Dispose();
        _lastRound.Dispose();
    }
}
