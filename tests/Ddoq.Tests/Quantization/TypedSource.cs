using Ddoq.Latents;

namespace Ddoq.Tests.Quantization;

/// <summary>One class of rows that are stored in a type.</summary>
internal sealed class TypedSource(float[] values, LatentElementType type, int dimension) : ILatentSource
{
    private readonly byte[] _bytes = Bytes(values, type);

    public bool InPlace { get; init; } = true;

    public LatentShape Shape => new(1, 1, dimension);

    public IReadOnlyList<string> ClassNames => ["class"];

    public LatentElementType ElementType => type;

    /// <summary>Values as they are stored; bfloat16 is cut off.</summary>
    public static byte[] Bytes(float[] values, LatentElementType type) => type switch
    {
        LatentElementType.F16 => [.. values.SelectMany(value => BitConverter.GetBytes((Half)value))],
        LatentElementType.BF16 => [.. values.SelectMany(value => BitConverter.GetBytes((ushort)(BitConverter.SingleToInt32Bits(value) >> 16)))],
        _ => [.. values.SelectMany(BitConverter.GetBytes)],
    };

    public int RowCount(int classIndex) => values.Length / dimension;

    public void ReadRows(int classIndex, int firstRow, Span<Half> destination) => throw new NotSupportedException();

    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows) => throw new NotSupportedException();

    public void ReadRowBytes(int classIndex, int firstRow, Span<byte> destination) =>
        _bytes.AsSpan(firstRow * (_bytes.Length / RowCount(0)), destination.Length).CopyTo(destination);

    public bool TryGetRowBytes(int classIndex, out ReadOnlySpan<byte> rows)
    {
        rows = InPlace ? _bytes : default;
        return InPlace;
    }
}
