using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>K centres as vectors relative to the mean of the class, and the assignment of rows to them.</summary>
internal sealed unsafe class CentroidTable(LatentKernels kernels) : IDisposable
{
    private readonly NativeBuffer<float> _values = new();
    private readonly NativeBuffer<double> _norms = new();
    private readonly NativeBuffer<float> _row = new();
    private int _paddedDimension;

    /// <summary>Centres (K).</summary>
    public int Count { get; private set; }

    /// <summary>Padded D values of a centre; call <see cref="UpdateNorm"/> after writing them.</summary>
    public float* this[int centroid] => _values.Pointer + ((nint)centroid * _paddedDimension);

    /// <summary>Makes room for centres, all at the mean of the class.</summary>
    public void Reset(int count, int paddedDimension)
    {
        Count = count;
        _paddedDimension = paddedDimension;
        _values.ReserveZeroed((nint)count * paddedDimension);
        _norms.ReserveZeroed(count);
        _row.ReserveZeroed(paddedDimension);
    }

    /// <summary>Sets all centres to points in the coordinates of the latents (K x D).</summary>
    public void Load(ReadOnlySpan<float> centroids, ClassRows rows)
    {
        for (int k = 0; k < Count; k++)
        {
            float* centroid = this[k];
            for (int j = 0; j < rows.Dimension; j++)
                centroid[j] = centroids[(k * rows.Dimension) + j] - rows.Mean[j];
            UpdateNorm(k);
        }
    }

    /// <summary>Takes a centre's squared norm from its values.</summary>
    public void UpdateNorm(int centroid) => _norms.Pointer[centroid] = kernels.SquaredNorm(this[centroid], _paddedDimension);

    /// <summary>Nearest centre of one row; its squared distance, in fp32, not below 0.</summary>
    public int Nearest(ClassRows rows, Half* row, out float distance)
    {
        float* values = _row.Pointer;
        kernels.WidenCentred(row, rows.Mean, values, rows.Dimension);
        double norm = kernels.SquaredNorm(values, _paddedDimension);
        int nearest = 0;
        double best = double.PositiveInfinity;
        for (int k = 0; k < Count; k++)
        {
            double score = _norms.Pointer[k] - (2.0 * kernels.Dot(values, this[k], _paddedDimension));
            if (score < best)
            {
                best = score;
                nearest = k;
            }
        }

        distance = (float)Math.Max(0, norm + best);
        return nearest;
    }

    /// <summary>Squared distance of a row to a centre, from their difference: no cancellation, fp64 across blocks.</summary>
    public double SquaredDistance(ClassRows rows, Half* row, int centroid)
    {
        kernels.WidenCentred(row, rows.Mean, _row.Pointer, rows.Dimension);
        return kernels.SquaredDistanceInBlocks(_row.Pointer, this[centroid], _paddedDimension);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _values.Dispose();
        _norms.Dispose();
        _row.Dispose();
    }
}
