using Ddoq.Latents;
using Ddoq.Numerics;

namespace Ddoq.Evaluation.Tests.Comparison;

/// <summary>Latents in memory: per class a Gaussian cloud around its own centre.</summary>
internal sealed class MemoryLatents : ILatentSource
{
    private readonly Half[][] _rows;

    public MemoryLatents(ulong seed, LatentShape shape, params int[] rowCounts)
    {
        Shape = shape;
        ClassNames = [.. rowCounts.Select((_, c) => $"class {c}")];
        _rows = new Half[rowCounts.Length][];
        for (int c = 0; c < rowCounts.Length; c++)
        {
            var random = new CounterRandom(seed, (ulong)c);
            _rows[c] = new Half[rowCounts[c] * shape.Length];
            for (int i = 0; i < _rows[c].Length; i++)
                _rows[c][i] = (Half)(float)(c + random.NextGaussian());
        }
    }

    public LatentShape Shape { get; }

    public IReadOnlyList<string> ClassNames { get; }

    public int RowCount(int classIndex) => _rows[classIndex].Length / Shape.Length;

    public void ReadRows(int classIndex, int firstRow, Span<Half> destination) =>
        _rows[classIndex].AsSpan(firstRow * Shape.Length, destination.Length).CopyTo(destination);

    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
    {
        rows = _rows[classIndex];
        return true;
    }

    public float[] Floats(int classIndex, int count) =>
        [.. _rows[classIndex].Take(count * Shape.Length).Select(value => (float)value)];
}
