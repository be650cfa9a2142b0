using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>What defines each centre, exactly enough to rebuild it and to write it out: a row, a cell, or coefficients.</summary>
internal sealed unsafe partial class GramSpace
{
    private readonly NativeBuffer<Definition> _definitions = new();
    private readonly NativeBuffer<int> _placedRows = new();
    private readonly NativeBuffer<int> _cellLabels = new();
    private readonly NativeBuffer<int> _moved = new();
    private readonly NativeBuffer<double> _movedMasses = new();
    private readonly NativeBuffer<float> _coefficients = new();
    private readonly NativeBuffer<double> _givenShares = new();
    private readonly NativeBuffer<float> _givenProducts = new();
    private readonly CentroidTable _given = new(kernels);
    private readonly CentroidTable _written = new(kernels);
    private bool _hasCoefficients;

    private enum Definition : byte
    {
        /// <summary>The row in <c>_placedRows</c>.</summary>
        Row,

        /// <summary>The given point of this index.</summary>
        Given,

        /// <summary>The mean of the rows labelled with it in <c>_cellLabels</c>; V is their weighted sum.</summary>
        Cell,

        /// <summary>scale * (sum of coefficient_i * row_i + share * given point).</summary>
        Coefficients,
    }

    /// <inheritdoc/>
    public override void Place(int centroid, int row)
    {
        new ReadOnlySpan<float>(GramRow(row), PaddedRows).CopyTo(new Span<float>(V(centroid), PaddedRows));
        _scales.Pointer[centroid] = 1;
        _norms.Pointer[centroid] = _rowNorms.Pointer[row];
        _updates.Pointer[centroid] = 0;
        _definitions.Pointer[centroid] = Definition.Row;
        _placedRows.Pointer[centroid] = row;
    }

    /// <inheritdoc/>
    public override void Place(ReadOnlySpan<float> centroids)
    {
        _given.Reset(CentroidCount, Dimension);
        _given.Load(centroids, _rows);
        float* products = _givenProducts.ReserveZeroed((nint)CentroidCount * _stride);
        for (int first = 0; first < RowCount; first += LatentKernels.RowsPerBlock)
        {
            int count = Math.Min(LatentKernels.RowsPerBlock, RowCount - first);
            float* scores = _given.Scores(_rows, _rows.Pointers + first, count);
            for (int i = 0; i < count; i++)
            {
                for (int k = 0; k < CentroidCount; k++)
                    products[((nint)k * _stride) + first + i] = scores[(i * _given.ScoreStride) + k];
            }
        }

        for (int k = 0; k < CentroidCount; k++)
        {
            new ReadOnlySpan<float>(products + ((nint)k * _stride), PaddedRows).CopyTo(new Span<float>(V(k), PaddedRows));
            _scales.Pointer[k] = 1;
            _norms.Pointer[k] = _given.Norm(k);
            _updates.Pointer[k] = 0;
            _definitions.Pointer[k] = Definition.Given;
        }
    }

    /// <inheritdoc/>
    public override void Step(int centroid, int row, double rate)
    {
        if (rate >= 1)
        {
            Place(centroid, row);
            return;
        }

        float* coefficients = UseCoefficients(centroid);
        double product = Product(centroid, row), kept = 1 - rate;
        double scale = kept * _scales.Pointer[centroid];
        float coefficient = (float)(rate / scale);
        kernels.AddScaled(coefficient, GramRow(row), V(centroid), PaddedRows);
        coefficients[row] += coefficient;
        _scales.Pointer[centroid] = scale;
        double norm = _norms.Pointer[centroid];
        _norms.Pointer[centroid] = (kept * kept * norm) + (2 * rate * kept * product) + (rate * rate * _rowNorms.Pointer[row]);
        Updated(centroid, 1);
    }

    /// <inheritdoc/>
    public override void Absorb(int centroid, double mass, ReadOnlySpan<int> rows, double added)
    {
        float* coefficients = UseCoefficients(centroid);
        float* v = V(centroid);
        if (mass == 0)
        {
            new Span<float>(v, PaddedRows).Clear();
            new Span<float>(coefficients, PaddedRows).Clear();
            _givenShares.Pointer[centroid] = 0;
            _scales.Pointer[centroid] = 1;
        }

        double before = mass == 0 ? 0 : Sum(v, rows);
        double scale = _scales.Pointer[centroid];
        double coefficient = mass == 0 ? 1 : 1 / (scale * mass);
        foreach (int row in rows)
        {
            float share = (float)coefficient * Weight(row);
            kernels.AddScaled(share, GramRow(row), v, PaddedRows);
            coefficients[row] += share;
        }

        // |m c + s|^2 = m^2 |c|^2 + 2 m c.s + s.s, where V grew by coefficient * s.
        double total = mass + added;
        double own = (Sum(v, rows) - before) / coefficient;
        double sum = (mass * mass * _norms.Pointer[centroid]) + (2.0 * mass * scale * before) + own;
        _norms.Pointer[centroid] = sum / (total * total);
        _scales.Pointer[centroid] = 1 / (coefficient * total);
        Updated(centroid, rows.Length);
    }

    /// <inheritdoc/>
    public override void CopyCentroids(Span<float> destination, ReadOnlySpan<int> counts)
    {
        _written.Reset(CentroidCount, Dimension);
        for (int k = 0; k < CentroidCount; k++)
        {
            if (!counts.IsEmpty && counts[k] > 0)
                continue;
            float* coefficients = UseCoefficients(k);
            if (_givenShares.Pointer[k] != 0)
                kernels.AddScaled((float)(_scales.Pointer[k] * _givenShares.Pointer[k]), _given[k], _written[k], _rows.PaddedDimension);
            float* values = _scratch.ReserveZeroed(_rows.PaddedDimension);
            for (int i = 0; i < RowCount; i++)
            {
                if (coefficients[i] == 0)
                    continue;
                kernels.WidenCentred(_rows[i], _rows.Mean, values, Dimension);
                kernels.AddScaled((float)(_scales.Pointer[k] * coefficients[i]), values, _written[k], _rows.PaddedDimension);
            }

            for (int j = 0; j < Dimension; j++)
                destination[(k * Dimension) + j] = _written[k][j] + _rows.Mean[j];
        }
    }

    /// <inheritdoc/>
    /// <remarks>Only rows that changed their cell are added and subtracted; a cell that changed a lot is summed again.</remarks>
    public override void MoveToMeans(ReadOnlySpan<int> labels, CellSizes cells)
    {
        ReadOnlySpan<int> counts = cells.Counts;
        Span<int> old = _cellLabels.Span(RowCount), moved = _moved.Span(CentroidCount);
        Span<double> movedMasses = _movedMasses.Span(CentroidCount);
        moved.Clear();
        movedMasses.Clear();
        ReadOnlySpan<float> weights = Weights;
        for (int i = 0; i < RowCount; i++)
        {
            if (labels[i] == old[i])
                continue;
            double weight = weights.IsEmpty ? 1 : weights[i];
            moved[labels[i]]++;
            movedMasses[labels[i]] += weight;
            if (old[i] < 0)
                continue;
            moved[old[i]]++;
            movedMasses[old[i]] += weight;
        }

        for (int k = 0; k < CentroidCount; k++)
        {
            if (counts[k] == 0)
            {
                // The centre stays where it is: its rows are written down before the labels change.
                UseCoefficients(k);
                continue;
            }

            bool again = _definitions.Pointer[k] != Definition.Cell || _updates.Pointer[k] + moved[k] > UpdatesBetweenRebuilds || movedMasses[k] >= cells.Masses[k];
            _updates.Pointer[k] = again ? 0 : _updates.Pointer[k] + moved[k];
            moved[k] = again ? -1 : moved[k];
            _definitions.Pointer[k] = Definition.Cell;
            _scales.Pointer[k] = 1.0 / cells.Masses[k];
            if (again)
                new Span<float>(V(k), PaddedRows).Clear();
        }

        for (int i = 0; i < RowCount; i++)
        {
            int to = labels[i], from = old[i];
            if (moved[to] < 0 || to != from)
                kernels.AddScaled(Weight(i), GramRow(i), V(to), PaddedRows);
            if (to != from && from >= 0 && moved[from] >= 0 && counts[from] > 0)
                kernels.AddScaled(-Weight(i), GramRow(i), V(from), PaddedRows);
        }

        labels.CopyTo(old);
        UpdateCellNorms(labels, counts);
    }

    private void ResetDefinitions()
    {
        _definitions.ReserveZeroed(CentroidCount);
        _placedRows.ReserveZeroed(CentroidCount);
        _givenShares.ReserveZeroed(CentroidCount);
        _cellLabels.Span(RowCount).Fill(-1);
        _hasCoefficients = false;
    }

    // |c|^2 of every cell: the weighted mean over its rows of their products with the centre.
    private void UpdateCellNorms(ReadOnlySpan<int> labels, ReadOnlySpan<int> counts)
    {
        ReadOnlySpan<float> weights = Weights;
        for (int k = 0; k < CentroidCount; k++)
        {
            if (counts[k] > 0)
                _norms.Pointer[k] = 0;
        }

        for (int i = 0; i < RowCount; i++)
            _norms.Pointer[labels[i]] += weights.IsEmpty ? V(labels[i])[i] : (double)weights[i] * V(labels[i])[i];
        for (int k = 0; k < CentroidCount; k++)
        {
            if (counts[k] > 0)
                _norms.Pointer[k] *= _scales.Pointer[k] * _scales.Pointer[k];
        }
    }

    // Turns any definition into coefficients, so that single rows can be mixed in.
    private float* UseCoefficients(int centroid)
    {
        if (!_hasCoefficients)
        {
            _coefficients.Reserve((nint)CentroidCount * _stride);
            _hasCoefficients = true;
        }

        float* coefficients = _coefficients.Pointer + ((nint)centroid * _stride);
        Definition definition = _definitions.Pointer[centroid];
        if (definition == Definition.Coefficients)
            return coefficients;
        new Span<float>(coefficients, PaddedRows).Clear();
        _givenShares.Pointer[centroid] = definition == Definition.Given ? 1 : 0;
        if (definition == Definition.Row)
            coefficients[_placedRows.Pointer[centroid]] = 1;
        if (definition == Definition.Cell)
        {
            for (int i = 0; i < RowCount; i++)
                coefficients[i] = _cellLabels.Pointer[i] == centroid ? Weight(i) : 0;
        }

        _definitions.Pointer[centroid] = Definition.Coefficients;
        return coefficients;
    }

    private void Updated(int centroid, int updates)
    {
        _updates.Pointer[centroid] += updates;
        double scale = _scales.Pointer[centroid];
        float* coefficients = _coefficients.Pointer + ((nint)centroid * _stride);
        int rows = 0;
        if (_updates.Pointer[centroid] / UpdatesBetweenRebuilds != (_updates.Pointer[centroid] - updates) / UpdatesBetweenRebuilds)
        {
            for (int i = 0; i < RowCount; i++)
                rows += coefficients[i] != 0 ? 1 : 0;
        }

        // Rebuilding costs a row of G per row mixed in: not more often than that many updates. A scale near the end of the
        // range of coefficients is folded into them on the way.
        if ((rows > 0 && _updates.Pointer[centroid] >= rows) || scale < 1e-12)
            Rebuild(centroid, coefficients);
    }

    private void Rebuild(int centroid, float* coefficients)
    {
        double fold = _scales.Pointer[centroid];
        float* v = V(centroid);
        new Span<float>(v, PaddedRows).Clear();
        double share = _givenShares.Pointer[centroid] *= fold;
        float* products = _givenProducts.Pointer + (share == 0 ? 0 : (nint)centroid * _stride);
        if (share != 0)
            kernels.AddScaled((float)share, products, v, PaddedRows);
        for (int i = 0; i < RowCount; i++)
        {
            if (coefficients[i] == 0)
                continue;
            coefficients[i] = (float)(coefficients[i] * fold);
            kernels.AddScaled(coefficients[i], GramRow(i), v, PaddedRows);
        }

        double norm = 0, given = share == 0 ? 0 : share * _given.Norm(centroid);
        for (int i = 0; i < RowCount; i++)
        {
            norm += (double)coefficients[i] * v[i];
            if (share != 0)
                given += (double)coefficients[i] * products[i];
        }

        _norms.Pointer[centroid] = norm + (share * given);
        _scales.Pointer[centroid] = 1;
        _updates.Pointer[centroid] = 0;
    }

    private double Sum(float* v, ReadOnlySpan<int> rows)
    {
        double sum = 0;
        ReadOnlySpan<float> weights = Weights;
        foreach (int row in rows)
            sum += weights.IsEmpty ? v[row] : (double)weights[row] * v[row];
        return sum;
    }

    private void DisposeDefinitions()
    {
        _definitions.Dispose();
        _placedRows.Dispose();
        _cellLabels.Dispose();
        _moved.Dispose();
        _movedMasses.Dispose();
        _coefficients.Dispose();
        _givenShares.Dispose();
        _givenProducts.Dispose();
        _given.Dispose();
        _written.Dispose();
    }
}
