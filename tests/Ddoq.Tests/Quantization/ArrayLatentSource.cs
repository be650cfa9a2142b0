using Ddoq.Latents;

namespace Ddoq.Tests.Quantization;

/// <summary>Latents in arrays, one per class; contiguous classes are handed out in place, others only by copy.</summary>
internal sealed class ArrayLatentSource(int dimension, params Half[][] classes) : ILatentSource
{
    public bool InPlace { get; init; } = true;

    /// <summary>Weight of each row of each class; null when all weigh the same.</summary>
    public float[][]? Weights { get; init; }

    public bool HasSampleWeights => Weights is not null;

    public LatentShape Shape => new(1, 1, dimension);

    public IReadOnlyList<string> ClassNames { get; } = [.. Enumerable.Range(0, classes.Length).Select(index => $"class{index}")];

    public int RowCount(int classIndex) => classes[classIndex].Length / dimension;

    public void ReadRows(int classIndex, int firstRow, Span<Half> destination) =>
        classes[classIndex].AsSpan(firstRow * dimension, destination.Length).CopyTo(destination);

    public void ReadSampleWeights(int classIndex, Span<float> destination) => Weights![classIndex].CopyTo(destination);

    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
    {
        rows = InPlace ? classes[classIndex] : default;
        return InPlace;
    }
}
