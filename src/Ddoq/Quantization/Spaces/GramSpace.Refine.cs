using Ddoq.Numerics;

namespace Ddoq.Quantization.Spaces;

/// <summary>Hartigan's moves in rounds.</summary>
/// <remarks>
/// In a round every row finds the cell it would gain most by moving to, counting its weight (the lowest among equals), all from the same
/// centres. The moves are taken in falling order of gain (the lower row first among equals), each only if both of its
/// cells are still untouched in this round: so every move gains exactly what it promised, and the sum of squared
/// distances falls with each. Rounds end when no row gains more than rounding, with all centres freshly summed.
/// </remarks>
internal sealed unsafe partial class GramSpace
{
    private readonly NativeBuffer<float> _joinFactors = new();
    private readonly NativeBuffer<float> _paddedWeights = new();
    private readonly NativeBuffer<float> _floatLabels = new();
    private readonly NativeBuffer<ulong> _proposals = new();
    private readonly NativeBuffer<long> _lastRound = new();

    /// <inheritdoc/>
    public override (long Rounds, long Moves) Refine(Span<int> labels, CellSizes cells, long moveLimit, CancellationToken cancellation)
    {
        Span<long> lastRound = _lastRound.Span(CentroidCount);
        lastRound.Clear();
        new Span<float>(_floatLabels.ReserveZeroed(PaddedRows), PaddedRows).Clear();
        for (int i = 0; i < RowCount; i++)
            _floatLabels.Pointer[i] = labels[i];
        if (!Weights.IsEmpty)
            Weights.CopyTo(new Span<float>(_paddedWeights.ReserveZeroed(PaddedRows), RowCount));
        long rounds = 0, moves = 0;
        while (moves < moveLimit)
        {
            cancellation.ThrowIfCancellationRequested();
            rounds++;
            if (!Weights.IsEmpty)
                cells.Measure(labels, Weights);
            Span<ulong> proposals = Propose(labels, cells);
            if (proposals.IsEmpty)
            {
                if (!SumChangedCellsAgain(labels, cells))
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
                Move(row, from, to, labels, cells);
                moves++;
            }
        }

        return (rounds, moves);
    }

    // Moves that gain, as sortable numbers: the larger gain first, then the lower row.
    private Span<ulong> Propose(ReadOnlySpan<int> labels, CellSizes cells)
    {
        FindCheapestJoins(cells.Masses);
        ReadOnlySpan<float> weights = Weights;
        ulong* proposals = _proposals.Reserve(RowCount);
        int found = 0;
        for (int i = 0; i < RowCount; i++)
        {
            int from = labels[i];
            double weight = weights.IsEmpty ? 1 : weights[i];
            double leave = HartiganTest.Leave(cells.Masses[from], weight);
            if (!HartiganTest.MayLeave(cells.Counts[from], leave))
                continue;
            double distance = _rowNorms.Pointer[i] + _norms.Pointer[from] - (2 * Product(from, i));
            float gain = (float)((leave * distance) - _best.Pointer[i]);
            if (gain > HartiganTest.LeastGain(leave, ZeroDistance))
                proposals[found++] = ((ulong)~BitConverter.SingleToUInt32Bits((float)(weight * gain)) << 32) | (uint)i;
        }

        return new(proposals, found);
    }

    private void FindCheapestJoins(ReadOnlySpan<double> masses)
    {
        PrepareColumns();
        float* factors = _joinFactors.Reserve(CentroidCount);
        if (Weights.IsEmpty)
        {
            for (int k = 0; k < CentroidCount; k++)
                factors[k] = (float)HartiganTest.Join(masses[k], 1);
            kernels.CheapestJoinInColumns(
                _v.Pointer, _stride, _slopes.Pointer, _floatNorms.Pointer, factors, CentroidCount, _rowNorms.Pointer, _floatLabels.Pointer, _best.Pointer, _index.Pointer, PaddedRows);
            return;
        }

        for (int k = 0; k < CentroidCount; k++)
            factors[k] = (float)masses[k];
        kernels.CheapestWeightedJoinInColumns(
            _v.Pointer, _stride, _slopes.Pointer, _floatNorms.Pointer, factors, CentroidCount, _rowNorms.Pointer, _paddedWeights.Pointer, _floatLabels.Pointer, _best.Pointer, _index.Pointer, PaddedRows);
    }

    private void Move(int row, int from, int to, Span<int> labels, CellSizes cells)
    {
        double weight = Weight(row);
        Span<double> masses = cells.Masses;
        Shift(from, row, masses[from], -weight);
        if (cells.Counts[to] == 0)
            PlaceCell(to, row, weight);
        else
            Shift(to, row, masses[to], weight);
        _definitions.Pointer[to] = Definition.Cell;
        cells.Move(from, to, weight);
        labels[row] = to;
        _cellLabels.Pointer[row] = to;
        _floatLabels.Pointer[row] = to;

        // What is left of a sum that has lost most of its mass would be rounding.
        if (_updates.Pointer[from] >= UpdatesBetweenRebuilds || weight > masses[from])
            SumCell(from, labels, masses[from]);
        if (_updates.Pointer[to] >= UpdatesBetweenRebuilds)
            SumCell(to, labels, masses[to]);
    }

    // A cell of one row: V is the weighted sum of its rows.
    private void PlaceCell(int cell, int row, double weight)
    {
        Place(cell, row);
        if (Weights.IsEmpty)
            return;
        kernels.AddScaled((float)(weight - 1), GramRow(row), V(cell), PaddedRows);
        _scales.Pointer[cell] = 1 / weight;
    }

    private void Shift(int centroid, int row, double mass, double weight)
    {
        double after = mass + weight;
        double norm = (mass * mass * _norms.Pointer[centroid]) + (2.0 * weight * mass * Product(centroid, row)) + (weight * weight * _rowNorms.Pointer[row]);
        _norms.Pointer[centroid] = norm / (after * after);
        kernels.AddScaled((float)weight, GramRow(row), V(centroid), PaddedRows);
        _scales.Pointer[centroid] = 1 / after;
        _updates.Pointer[centroid]++;
    }

    private bool SumChangedCellsAgain(ReadOnlySpan<int> labels, CellSizes cells)
    {
        bool any = false;
        for (int k = 0; k < CentroidCount; k++)
        {
            if (_updates.Pointer[k] == 0 || cells.Counts[k] == 0)
                continue;
            SumCell(k, labels, cells.Masses[k]);
            any = true;
        }

        return any;
    }

    private void SumCell(int cell, ReadOnlySpan<int> labels, double mass)
    {
        float* v = V(cell);
        new Span<float>(v, PaddedRows).Clear();
        for (int i = 0; i < RowCount; i++)
        {
            if (labels[i] == cell)
                kernels.AddScaled(Weight(i), GramRow(i), v, PaddedRows);
        }

        double norm = 0;
        for (int i = 0; i < RowCount; i++)
        {
            if (labels[i] == cell)
                norm += Weight(i) * (double)v[i];
        }

        _norms.Pointer[cell] = norm / (mass * mass);
        _scales.Pointer[cell] = 1.0 / mass;
        _updates.Pointer[cell] = 0;
    }

    private void DisposeRefinement()
    {
        _joinFactors.Dispose();
        _paddedWeights.Dispose();
        _floatLabels.Dispose();
        _proposals.Dispose();
        _lastRound.Dispose();
    }
}
