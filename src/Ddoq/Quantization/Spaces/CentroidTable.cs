using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Quantization.Spaces;

/// <summary>K centres as vectors relative to the mean of the class, and scores of rows against them.</summary>
internal sealed unsafe class CentroidTable(LatentKernels kernels) : IDisposable
{
    private readonly NativeBuffer<float> _values = new();
    private readonly NativeBuffer<double> _norms = new();
    private readonly NativeBuffer<float> _scoreNorms = new();
    private readonly NativeBuffer<float> _panels = new();
    private readonly NativeBuffer<float> _scratch = new();
    private readonly NativeBuffer<float> _scores = new();
    private readonly NativeBuffer<float> _row = new();
    private int _dimension;
    private int _paddedDimension;
    private int _stride;
    private bool _packed;

    /// <summary>Centres (K).</summary>
    public int Count { get; private set; }

    /// <summary>Floats between rows of <see cref="Scores"/>.</summary>
    public int ScoreStride { get; private set; }

    /// <summary>Floats between two centres: a cache line more where D is a power of two, since all of them would share a few cache sets.</summary>
    public static int Stride(int dimension)
    {
        int padded = LatentKernels.Pad(dimension);
        return padded % 256 == 0 ? padded + LatentKernels.Padding : padded;
    }

    /// <summary>Padded D values of a centre; call <see cref="UpdateNorm"/> after writing them.</summary>
    public float* this[int centroid] => _values.Pointer + ((nint)centroid * _stride);

    /// <summary>Makes room for centres, all at the mean of the class.</summary>
    public void Reset(int count, int dimension)
    {
        Count = count;
        _dimension = dimension;
        _paddedDimension = LatentKernels.Pad(dimension);
        _stride = Stride(dimension);
        _values.ReserveZeroed((nint)count * _stride);
        _norms.ReserveZeroed(count);
        ScoreStride = kernels.ScoreStride(count);
        new Span<float>(_scoreNorms.Reserve(ScoreStride), ScoreStride).Fill(float.PositiveInfinity);
        _panels.Reserve(kernels.PanelLength(count, dimension));
        _scratch.Reserve(LatentKernels.ScoreScratchLength);

        // The columns between the panels' and the stride's are read too: their infinite norms keep them out, whatever is in them,
        // but a checker of memory would call labels that come from there undefined.
        _scores.ReserveZeroed((nint)LatentKernels.RowsPerBlock * ScoreStride);
        _row.ReserveZeroed(_paddedDimension);
        _packed = false;
    }

    /// <summary>Sets all centres to points in the coordinates of the latents (K x D).</summary>
    public void Load(ReadOnlySpan<float> centroids, ClassRows frame)
    {
        for (int k = 0; k < Count; k++)
        {
            float* centroid = this[k];
            for (int j = 0; j < _dimension; j++)
                centroid[j] = centroids[(k * _dimension) + j] - frame.Mean[j];
            UpdateNorm(k);
        }
    }

    /// <summary>Puts a centre on a row.</summary>
    public void Load(int centroid, void* row, ClassRows frame)
    {
        kernels.WidenCentred(row, frame.Mean, this[centroid], _dimension);
        UpdateNorm(centroid);
    }

    /// <summary>Takes a centre's squared norm from its values.</summary>
    public void UpdateNorm(int centroid)
    {
        double norm = kernels.SquaredNorm(this[centroid], _paddedDimension);
        _norms.Pointer[centroid] = norm;
        _scoreNorms.Pointer[centroid] = (float)norm;
        _packed = false;
    }

    /// <summary>Squared norm of a centre.</summary>
    public double Norm(int centroid) => _norms.Pointer[centroid];

    /// <summary>Scores of up to <see cref="LatentKernels.RowsPerBlock"/> rows; valid until the next call.</summary>
    /// <returns>A row of K scores per row, <see cref="ScoreStride"/> apart.</returns>
    public float* Scores(ClassRows frame, nint* rows, int count)
    {
        if (!_packed)
        {
            kernels.Pack(_values.Pointer, _stride, Count, _dimension, _panels.Pointer);
            _packed = true;
        }

        kernels.Scores(rows, count, frame.Mean, _dimension, _panels.Pointer, Count, _scratch.Pointer, _scores.Pointer);
        return _scores.Pointer;
    }

    /// <summary>Nearest centre of each row.</summary>
    /// <param name="frame">The shift.</param>
    /// <param name="rows">Pointers to rows.</param>
    /// <param name="labels">The lowest centre among the nearest.</param>
    /// <param name="distances">Squared distance less the squared norm of the row.</param>
    public void Assign(ClassRows frame, nint* rows, Span<int> labels, Span<float> distances)
    {
        for (int first = 0; first < labels.Length; first += LatentKernels.RowsPerBlock)
        {
            int count = Math.Min(LatentKernels.RowsPerBlock, labels.Length - first);
            float* scores = Scores(frame, rows + first, count);
            for (int i = 0; i < count; i++)
                labels[first + i] = kernels.Nearest(scores + ((nint)i * ScoreStride), _scoreNorms.Pointer, ScoreStride, out distances[first + i]);
        }
    }

    /// <summary>Nearest centre of one row without packing, for centres that change at every step.</summary>
    public int Nearest(ClassRows frame, void* row, out float distance)
    {
        kernels.WidenCentred(row, frame.Mean, _row.Pointer, _dimension);
        int nearest = 0;
        double best = double.PositiveInfinity;
        for (int k = 0; k < Count; k++)
        {
            double value = _norms.Pointer[k] - (2.0 * kernels.Dot(_row.Pointer, this[k], _paddedDimension));
            if (value < best)
            {
                best = value;
                nearest = k;
            }
        }

        distance = (float)best;
        return nearest;
    }

    /// <summary>Distance of two centres.</summary>
    public double Distance(int centroid, int other) => Math.Sqrt(kernels.SquaredDistanceInBlocks(this[centroid], this[other], _paddedDimension));

    /// <summary>Mean distance of two centres, each drawn with equal weight; a centre may be drawn twice.</summary>
    public double MeanDistance()
    {
        double sum = 0;
        for (int k = 0; k < Count; k++)
        {
            for (int l = k + 1; l < Count; l++)
                sum += Distance(k, l);
        }

        return 2 * sum / ((double)Count * Count);
    }

    /// <summary>Squared distance of a row to a centre, from their difference: no cancellation, fp64 across blocks.</summary>
    public double SquaredDistance(ClassRows frame, void* row, int centroid)
    {
        kernels.WidenCentred(row, frame.Mean, _row.Pointer, _dimension);
        return kernels.SquaredDistanceInBlocks(_row.Pointer, this[centroid], _paddedDimension);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _values.Dispose();
        _norms.Dispose();
        _scoreNorms.Dispose();
        _panels.Dispose();
        _scratch.Dispose();
        _scores.Dispose();
        _row.Dispose();
    }
}
