using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;
using Ddoq.Quantization;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Selection;

/// <summary>The squared distances of a selection: candidates to rows, and candidates to each other.</summary>
/// <remarks>
/// Where the candidates are the rows themselves one symmetric matrix serves for both. Of more than <see cref="MostRows"/>
/// rows a random sample stands for all; of more candidates, a random pool. Memory: 4 (M N + M^2) bytes, or 4 N^2, and 4 M D for
/// candidates that are no rows. One thread.
/// </remarks>
internal sealed unsafe class SelectionProblem(LatentKernels kernels) : IDisposable
{
    /// <summary>Rows and candidates that a search works on.</summary>
    public const int MostRows = 8192;

    private readonly LatentKernels _singles = kernels.ForRows(LatentElementType.F32);
    private readonly CentroidTable _table = new(kernels);
    private readonly CentroidTable _centroids = new(kernels.ForRows(LatentElementType.F32));
    private readonly ClassRows _candidates = new();
    private readonly NativeBuffer<float> _scratch = new();
    private readonly NativeBuffer<float> _toRows = new();
    private readonly NativeBuffer<float> _among = new();
    private readonly NativeBuffer<float> _norms = new();
    private readonly NativeBuffer<float> _weights = new();
    private readonly NativeBuffer<float> _mean = new();
    private readonly NativeBuffer<float> _row = new();
    private LoadedRows _rows = null!;
    private float[] _values = [];
    private bool _areRows;

    /// <summary>The kernels in use.</summary>
    public LatentKernels Kernels => kernels;

    /// <summary>Candidates that may be chosen (M).</summary>
    public int CandidateCount { get; private set; }

    /// <summary>Rows (N).</summary>
    public int RowCount => _rows.Used.Count;

    /// <summary>Padded N.</summary>
    public int PaddedRows => LatentKernels.Pad(RowCount);

    /// <summary>Weight of each row (padded N, 0 behind).</summary>
    public float* Weights => _weights.Pointer;

    /// <summary>Sum of the weights.</summary>
    public double TotalWeight { get; private set; }

    /// <summary>Squared distances below this are rounding.</summary>
    public float ZeroDistance => _rows.ZeroDistance;

    /// <summary>Squared norm of a candidate, relative to the shift.</summary>
    public float Norm(int candidate) => _norms.Pointer[candidate];

    /// <summary>Squared distances of a candidate to the rows (padded N).</summary>
    public float* ToRows(int candidate) => _areRows ? Among(candidate) : _toRows.Pointer + ((nint)candidate * PaddedRows);

    /// <summary>Squared distances of a candidate to all candidates.</summary>
    public float* Among(int candidate) => _among.Pointer + ((nint)candidate * _singles.GramStride(CandidateCount));

    /// <summary>Distance of two candidates.</summary>
    public double Distance(int candidate, int other)
    {
        float squared = Among(candidate)[other];
        return squared < ZeroDistance ? 0 : Math.Sqrt(squared);
    }

    /// <summary>Takes up candidates (M x D values in the coordinates of the latents).</summary>
    public void Load(LoadedRows rows, float[] values)
    {
        _values = values;
        Take(rows, areRows: false, values.Length / rows.Used.Dimension);
        int dimension = rows.Used.Dimension;
        _table.Reset(CandidateCount, dimension);
        _table.Load(values, rows.Used);
        _candidates.Reset(CandidateCount, dimension);
        for (int c = 0; c < CandidateCount; c++)
        {
            _candidates.Add(_table[c]);
            _norms.Pointer[c] = (float)_table.Norm(c);
        }

        MeasureAmong(_singles, _candidates);
        MeasureToRows();
    }

    /// <summary>Takes up the rows themselves as candidates.</summary>
    public void Load(LoadedRows rows)
    {
        Take(rows, areRows: true, rows.Used.Count);
        new ReadOnlySpan<float>(rows.Norms, CandidateCount).CopyTo(new Span<float>(_norms.Pointer, CandidateCount));
        MeasureAmong(kernels, rows.Used);
    }

    /// <summary>Mean distance of a candidate to the rows, by their weights.</summary>
    public double MeanDistance(int candidate) => kernels.SumOfDistances(ToRows(candidate), Weights, ZeroDistance, PaddedRows) / TotalWeight;

    /// <summary>Mean distance of two rows, by their weights, where the candidates are the rows.</summary>
    public double? MeanRowDistance()
    {
        if (!_areRows)
            return null;
        double sum = 0;
        for (int i = 0; i < RowCount; i++)
            sum += Weights[i] * MeanDistance(i);
        return sum / TotalWeight;
    }

    /// <summary>Inner product of each candidate and the mean of the rows, relative to the shift; returns the squared norm of the mean.</summary>
    public double MeanProducts(Span<double> products)
    {
        ClassRows used = _rows.Used;
        float* mean = _mean.ReserveZeroed(used.PaddedDimension), row = _row.ReserveZeroed(used.PaddedDimension);
        for (int i = 0; i < RowCount; i++)
        {
            kernels.WidenCentred(used[i], used.Mean, row, used.Dimension);
            kernels.AddScaled((float)(Weights[i] / TotalWeight), row, mean, used.PaddedDimension);
        }

        for (int c = 0; c < CandidateCount; c++)
        {
            float* candidate = row;
            if (_areRows)
                kernels.WidenCentred(used[c], used.Mean, row, used.Dimension);
            else
                candidate = _table[c];
            products[c] = kernels.Dot(candidate, mean, used.PaddedDimension);
        }

        return kernels.SquaredNorm(mean, used.PaddedDimension);
    }

    /// <summary>The values of a candidate (D), in the coordinates of the latents.</summary>
    public void CopyCandidate(int candidate, Span<float> values)
    {
        ClassRows used = _rows.Used;
        if (_areRows)
        {
            fixed (float* destination = values)
                kernels.Widen(used[candidate], destination, used.Dimension);
            return;
        }

        _values.AsSpan(candidate * used.Dimension, used.Dimension).CopyTo(values);
    }

    /// <summary>Squared distances of centres (K x D) to the candidates, centre by centre.</summary>
    public double[] ToCentroids(ReadOnlySpan<float> centroids)
    {
        ClassRows used = _rows.Used;
        int count = centroids.Length / used.Dimension;
        _centroids.Reset(count, used.Dimension);
        _centroids.Load(centroids, used);
        var squared = new double[count * CandidateCount];
        float* row = _row.ReserveZeroed(used.PaddedDimension);
        for (int c = 0; c < CandidateCount; c++)
        {
            float* candidate = row;
            if (_areRows)
                kernels.WidenCentred(used[c], used.Mean, row, used.Dimension);
            else
                candidate = _table[c];
            for (int k = 0; k < count; k++)
                squared[(k * CandidateCount) + c] = kernels.SquaredDistanceInBlocks(candidate, _centroids[k], used.PaddedDimension);
        }

        return squared;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _table.Dispose();
        _centroids.Dispose();
        _candidates.Dispose();
        _scratch.Dispose();
        _toRows.Dispose();
        _among.Dispose();
        _norms.Dispose();
        _weights.Dispose();
        _mean.Dispose();
        _row.Dispose();
    }

    private void Take(LoadedRows rows, bool areRows, int candidates)
    {
        _rows = rows;
        _areRows = areRows;
        CandidateCount = candidates;
        float* weights = _weights.ReserveZeroed(PaddedRows);
        TotalWeight = 0;
        for (int i = 0; i < RowCount; i++)
            TotalWeight += weights[i] = rows.Weight(i);
        _norms.ReserveZeroed(LatentKernels.Pad(candidates));
    }

    private void MeasureAmong(LatentKernels ofCandidates, ClassRows candidates)
    {
        int count = CandidateCount;
        float* gram = _among.Reserve(ofCandidates.GramLength(count));
        ofCandidates.Gram(candidates.Pointers, count, candidates.Mean, candidates.Dimension, _scratch.Reserve(ofCandidates.GramScratchLength(count)), gram);

        // From its own diagonal, as equal rows then are at 0.
        float* norms = _row.ReserveZeroed(LatentKernels.Pad(count));
        for (int c = 0; c < count; c++)
            norms[c] = Among(c)[c];
        for (int c = 0; c < count; c++)
            ofCandidates.DistancesInColumns(Among(c), norms, norms[c], Among(c), LatentKernels.Pad(count));
    }

    private void MeasureToRows()
    {
        _toRows.ReserveZeroed((nint)CandidateCount * PaddedRows);
        for (int first = 0; first < RowCount; first += LatentKernels.RowsPerBlock)
        {
            int count = Math.Min(LatentKernels.RowsPerBlock, RowCount - first);
            float* scores = _table.Scores(_rows.Used, _rows.Used.Pointers + first, count);
            for (int c = 0; c < CandidateCount; c++)
            {
                float* squared = ToRows(c) + first;
                for (int i = 0; i < count; i++)
                    squared[i] = (float)Math.Max(0, _rows.Norms[first + i] + _table.Norm(c) - (2.0 * scores[((nint)i * _table.ScoreStride) + c]));
            }
        }
    }
}
