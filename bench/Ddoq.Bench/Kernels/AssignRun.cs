using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Bench.Kernels;

/// <summary>The nearest of K centres for every row, from fp16 rows to labels, packing of the centres included.</summary>
internal sealed unsafe class AssignRun : IDisposable
{
    private readonly LatentKernels _kernels;
    private readonly LatentRows _rows;
    private readonly NativeBuffer<float> _panels = new();
    private readonly NativeBuffer<float> _scratch = new();
    private readonly NativeBuffer<float> _scores = new();
    private readonly NativeBuffer<float> _norms = new();
    private readonly int[] _labels;

    public AssignRun(LatentKernels kernels, LatentRows rows, int centroids)
    {
        _kernels = kernels;
        _rows = rows;
        Centroids = centroids;
        _labels = new int[rows.Count];
        int stride = kernels.ScoreStride(centroids);
        _panels.Reserve(kernels.PanelLength(centroids, rows.Dimension));
        _scratch.Reserve(LatentKernels.ScoreScratchLength);
        _scores.Reserve((nint)LatentKernels.RowsPerBlock * stride);
        _norms.Span(stride).Fill(float.PositiveInfinity);
        for (int k = 0; k < centroids; k++)
            _norms.Pointer[k] = kernels.Dot(rows.Floats + ((nint)k * rows.Dimension), rows.Floats + ((nint)k * rows.Dimension), rows.Dimension);
    }

    public int Centroids { get; }

    /// <summary>Runs it once; the first K rows are the centres.</summary>
    public void Run()
    {
        _kernels.Pack(_rows.Floats, _rows.Dimension, Centroids, _rows.Dimension, _panels.Pointer);
        int stride = _kernels.ScoreStride(Centroids);
        for (int first = 0; first < _rows.Count; first += LatentKernels.RowsPerBlock)
        {
            int count = Math.Min(LatentKernels.RowsPerBlock, _rows.Count - first);
            _kernels.Scores(_rows.Pointers + first, count, _rows.Mean, _rows.Dimension, _panels.Pointer, Centroids, _scratch.Pointer, _scores.Pointer);
            for (int i = 0; i < count; i++)
                _labels[first + i] = _kernels.Nearest(_scores.Pointer + ((nint)i * stride), _norms.Pointer, stride, out _);
        }
    }

    public void Dispose()
    {
        _panels.Dispose();
        _scratch.Dispose();
        _scores.Dispose();
        _norms.Dispose();
    }
}
