using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>Centres as their inner products with the rows: no pass over the rows after the Gram matrix.</summary>
/// <remarks>
/// With <c>G = Z Z^T</c> and <c>M[k, i] = c_k . z_i</c>, the squared distance of row i to centre k is
/// <c>G_ii - 2 M[k, i] + |c_k|^2</c>, and every change of a centre is a change of M by rows of G. Stored is
/// <c>V = M / scale</c> with a scale per centre, so that the mean of n rows is their sum with scale 1/n, and shrinking a
/// centre costs nothing. |c|^2 and the scales are fp64. Running updates drift: a centre is rebuilt from its rows after
/// <see cref="UpdatesBetweenRebuilds"/> updates. Memory: 4 (N^2 + K N) bytes. Part of this class: what defines each
/// centre (<c>GramSpace.Definition.cs</c>) and Hartigan's rounds (<c>GramSpace.Refine.cs</c>).
/// </remarks>
internal sealed unsafe partial class GramSpace(LatentKernels kernels) : ClusterSpace
{
    /// <summary>Updates of a centre after which it is rebuilt: fp32 drift then stays below the rounding of G itself.</summary>
    private const int UpdatesBetweenRebuilds = 50;

    private readonly NativeBuffer<float> _gram = new();
    private readonly NativeBuffer<float> _scratch = new();
    private readonly NativeBuffer<float> _rowNorms = new();
    private readonly NativeBuffer<float> _v = new();
    private readonly NativeBuffer<double> _scales = new();
    private readonly NativeBuffer<double> _norms = new();
    private readonly NativeBuffer<int> _updates = new();
    private readonly NativeBuffer<float> _slopes = new();
    private readonly NativeBuffer<float> _floatNorms = new();
    private readonly NativeBuffer<float> _best = new();
    private readonly NativeBuffer<float> _second = new();
    private readonly NativeBuffer<float> _index = new();
    private ClassRows _rows = null!;
    private int _stride;

    /// <inheritdoc/>
    public override QuantizationSpace Kind => QuantizationSpace.Gram;

    /// <inheritdoc/>
    public override ReadOnlySpan<float> Weights => _rows.Weights;

    private int PaddedRows => LatentKernels.Pad(RowCount);

    /// <summary>Takes up a class: computes its Gram matrix.</summary>
    public void Reset(ClassRows rows, int centroidCount)
    {
        _rows = rows;
        RowCount = rows.Count;
        Dimension = rows.Dimension;
        CentroidCount = centroidCount;
        _stride = kernels.GramStride(RowCount);
        kernels.Gram(
            rows.Pointers, RowCount, rows.Mean, Dimension, _scratch.Reserve(kernels.GramScratchLength(RowCount)), _gram.Reserve(kernels.GramLength(RowCount)));
        float* norms = _rowNorms.ReserveZeroed(PaddedRows);
        double total = 0;
        for (int i = 0; i < RowCount; i++)
        {
            norms[i] = GramRow(i)[i];
            total += norms[i];
        }

        ZeroDistance = (float)(RelativeZero * total / Math.Max(1, RowCount));
        _v.ReserveZeroed((nint)centroidCount * _stride);
        _scales.ReserveZeroed(centroidCount);
        _norms.ReserveZeroed(centroidCount);
        _updates.ReserveZeroed(centroidCount);
        _slopes.ReserveZeroed(centroidCount);
        _floatNorms.ReserveZeroed(centroidCount);
        _best.Reserve(PaddedRows);
        _second.Reserve(PaddedRows);
        _index.Reserve(PaddedRows);
        ResetDefinitions();
    }

    /// <inheritdoc/>
    public override void Assign(Span<int> labels, Span<float> distances)
    {
        FindNearest();
        for (int i = 0; i < RowCount; i++)
        {
            labels[i] = (int)_index.Pointer[i];
            distances[i] = Math.Max(0, _best.Pointer[i] + _rowNorms.Pointer[i]);
        }
    }

    /// <summary>Whether the last <see cref="Assign(Span{int}, Span{float})"/> left no doubt about a row, given the rounding of this space.</summary>
    public bool IsCertain(int row) => _second.Pointer[row] - _best.Pointer[row] > 20 * ZeroDistance;

    /// <inheritdoc/>
    public override void Assign(ReadOnlySpan<int> rows, Span<int> labels, Span<float> distances)
    {
        // A column is read across all centres; from about a quarter of the rows on, reading everything in order is quicker.
        if (4L * rows.Length > RowCount)
        {
            FindNearest();
            for (int i = 0; i < rows.Length; i++)
            {
                labels[i] = (int)_index.Pointer[rows[i]];
                distances[i] = Math.Max(0, _best.Pointer[rows[i]] + _rowNorms.Pointer[rows[i]]);
            }

            return;
        }

        for (int i = 0; i < rows.Length; i++)
        {
            float* column = _v.Pointer + rows[i];
            double best = double.PositiveInfinity;
            for (int k = 0; k < CentroidCount; k++)
            {
                double value = _norms.Pointer[k] - (2 * _scales.Pointer[k] * column[(nint)k * _stride]);
                if (value < best)
                {
                    best = value;
                    labels[i] = k;
                }
            }

            distances[i] = (float)Math.Max(0, best + _rowNorms.Pointer[rows[i]]);
        }
    }

    /// <inheritdoc/>
    public override void DistancesFrom(ReadOnlySpan<int> origins, int rowLimit, Span<float> distances)
    {
        float* padded = _best.Pointer;
        for (int t = 0; t < origins.Length; t++)
        {
            kernels.DistancesInColumns(GramRow(origins[t]), _rowNorms.Pointer, _rowNorms.Pointer[origins[t]], padded, LatentKernels.Pad(rowLimit));
            new ReadOnlySpan<float>(padded, rowLimit).CopyTo(distances[(t * rowLimit)..]);
        }
    }

    /// <summary>Mean distance of rows, by their weights, and centres.</summary>
    public double MeanDistance()
    {
        float* distances = _best.Pointer, weights = PaddedWeights(out double total);
        float* products = _second.Pointer;
        double sum = 0;
        for (int k = 0; k < CentroidCount; k++)
        {
            new Span<float>(products, PaddedRows).Clear();
            kernels.AddScaled((float)_scales.Pointer[k], V(k), products, PaddedRows);
            kernels.DistancesInColumns(products, _rowNorms.Pointer, (float)_norms.Pointer[k], distances, PaddedRows);
            sum += kernels.SumOfDistances(distances, weights, ZeroDistance, PaddedRows);
        }

        return sum / (CentroidCount * total);
    }

    /// <summary>Mean distance of two rows, each drawn by its weight; a row may be drawn twice.</summary>
    public double MeanRowDistance()
    {
        float* distances = _best.Pointer, weights = PaddedWeights(out double total);
        double sum = 0;
        for (int i = 0; i < RowCount; i++)
        {
            kernels.DistancesInColumns(GramRow(i), _rowNorms.Pointer, _rowNorms.Pointer[i], distances, PaddedRows);
            sum += weights[i] * kernels.SumOfDistances(distances, weights, ZeroDistance, PaddedRows);
        }

        return sum / (total * total);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _gram.Dispose();
        _scratch.Dispose();
        _rowNorms.Dispose();
        _v.Dispose();
        _scales.Dispose();
        _norms.Dispose();
        _updates.Dispose();
        _slopes.Dispose();
        _floatNorms.Dispose();
        _best.Dispose();
        _second.Dispose();
        _index.Dispose();
        DisposeDefinitions();
        DisposeRefinement();
    }

    /// <summary>The rows of the class.</summary>
    public ClassRows Rows => _rows;

    /// <summary>Floats between rows of the Gram matrix.</summary>
    public int Stride => _stride;

    /// <summary>Squared norm of each row (padded N, zeros behind).</summary>
    public float* RowNorms => _rowNorms.Pointer;

    /// <summary>Row of the Gram matrix: inner products of a row with all rows.</summary>
    public float* GramRow(int row) => _gram.Pointer + ((nint)row * _stride);

    private float* PaddedWeights(out double total)
    {
        float* weights = _paddedWeights.ReserveZeroed(PaddedRows);
        total = 0;
        for (int i = 0; i < RowCount; i++)
            total += weights[i] = Weight(i);
        return weights;
    }

    private float* V(int centroid) => _v.Pointer + ((nint)centroid * _stride);

    // Inner product of a centre and a row.
    private double Product(int centroid, int row) => _scales.Pointer[centroid] * V(centroid)[row];

    private void PrepareColumns()
    {
        for (int k = 0; k < CentroidCount; k++)
        {
            _slopes.Pointer[k] = (float)(-2 * _scales.Pointer[k]);
            _floatNorms.Pointer[k] = (float)_norms.Pointer[k];
        }
    }

    private void FindNearest()
    {
        PrepareColumns();
        kernels.NearestInColumns(
            _v.Pointer, _stride, _slopes.Pointer, _floatNorms.Pointer, CentroidCount, _best.Pointer, _second.Pointer, _index.Pointer, PaddedRows);
    }
}
