using Ddoq.Cuda.Quantization;
using Ddoq.Latents;
using Ddoq.Numerics;

namespace Ddoq.Bench.Device;

/// <summary>Small classes of normal rows around five centres, stored in any type.</summary>
internal sealed class TypedRows : ILatentSource
{
    private readonly byte[][] _classes;
    private readonly RowFormat _format;

    public TypedRows(int dimension, LatentElementType type, double offset, IReadOnlyList<int> rowCounts)
    {
        Shape = new LatentShape(1, 1, dimension);
        ElementType = type;
        _format = RowFormat.Of(this);
        ClassNames = [.. rowCounts.Select((rows, index) => $"class{index}")];
        _classes = [.. rowCounts.Select((rows, index) => Draw(rows, dimension, (uint)index, offset))];
    }

    public LatentShape Shape { get; }

    public IReadOnlyList<string> ClassNames { get; }

    public LatentElementType ElementType { get; }

    public int RowCount(int classIndex) => _classes[classIndex].Length / _format.Bytes / Shape.Length;

    /// <summary>Value <paramref name="column"/> of a row.</summary>
    public float Value(int classIndex, int row, int column) => _format.Value(_classes[classIndex], (row * Shape.Length) + column);

    public void ReadRows(int classIndex, int firstRow, Span<Half> destination)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = (Half)_format.Value(_classes[classIndex], (firstRow * Shape.Length) + i);
    }

    public void ReadRows(int classIndex, int firstRow, Span<float> destination)
    {
        for (int i = 0; i < destination.Length; i++)
            destination[i] = _format.Value(_classes[classIndex], (firstRow * Shape.Length) + i);
    }

    public void ReadRowBytes(int classIndex, int firstRow, Span<byte> destination) =>
        _classes[classIndex].AsSpan(firstRow * Shape.Length * _format.Bytes, destination.Length).CopyTo(destination);

    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
    {
        rows = default;
        return false;
    }

    public bool TryGetRowBytes(int classIndex, out ReadOnlySpan<byte> rows)
    {
        rows = _classes[classIndex];
        return true;
    }

    private byte[] Draw(int rows, int dimension, uint index, double offset)
    {
        const int Groups = 5;
        var random = new CounterRandom(7, CounterRandom.Stream(index, (uint)dimension));
        var centres = new float[Groups * dimension];
        random.FillGaussian(centres);
        var bytes = new byte[rows * dimension * _format.Bytes];
        for (int i = 0; i < rows; i++)
        {
            int group = random.NextInt32(Groups);
            for (int j = 0; j < dimension; j++)
                _format.Write((float)(offset + (0.7 * centres[(group * dimension) + j]) + random.NextGaussian()), bytes.AsSpan(((i * dimension) + j) * _format.Bytes, _format.Bytes));
        }

        return bytes;
    }
}
