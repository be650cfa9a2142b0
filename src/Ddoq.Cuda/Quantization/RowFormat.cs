using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using Ddoq.Latents;

namespace Ddoq.Cuda.Quantization;

/// <summary>How the rows of a source are stored, and what that means for kernels and copies.</summary>
/// <param name="Suffix">The end of a kernel's symbol.</param>
/// <param name="Bytes">Bytes of a value.</param>
internal sealed record RowFormat(string Suffix, int Bytes)
{
    /// <summary>Half precision.</summary>
    public static readonly RowFormat F16 = new("f16", 2);

    /// <summary>bfloat16: the upper half of a single.</summary>
    public static readonly RowFormat BF16 = new("bf16", 2);

    /// <summary>Single precision.</summary>
    public static readonly RowFormat F32 = new("f32", 4);

    // Rows and centroids begin at multiples of 16 bytes, so that every class is read by whole vectors, in the same order
    // of additions, wherever it lies in its batch.
    private const int StrideElements = 8;

    /// <summary>The format of a source.</summary>
    public static RowFormat Of(ILatentSource source) => source.ElementType switch
    {
        LatentElementType.BF16 => BF16,
        LatentElementType.F32 => F32,
        _ => F16,
    };

    /// <summary>Elements from one row of D values to the next.</summary>
    public static int StrideOf(int dimension) => (dimension + StrideElements - 1) / StrideElements * StrideElements;

    /// <summary>Index of the first value that is an infinity or a NaN, or -1.</summary>
    public int IndexOfNonFinite(ReadOnlySpan<byte> values) =>
        Bytes == 4
            ? IndexOfExponent(MemoryMarshal.Cast<byte, uint>(values), 0x7F80_0000u)
            : IndexOfExponent<ushort>(MemoryMarshal.Cast<byte, ushort>(values), (ushort)(this == F16 ? 0x7C00 : 0x7F80));

    /// <summary>A value.</summary>
    public float Value(ReadOnlySpan<byte> values, int index)
    {
        if (Bytes == 4)
            return MemoryMarshal.Cast<byte, float>(values)[index];
        ushort bits = MemoryMarshal.Cast<byte, ushort>(values)[index];
        return this == F16 ? (float)BitConverter.UInt16BitsToHalf(bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);
    }

    /// <summary>Writes a value, rounded to the format (bfloat16: cut off).</summary>
    public void Write(float value, Span<byte> destination)
    {
        if (Bytes == 4)
            MemoryMarshal.Write(destination, value);
        else
            MemoryMarshal.Write(destination, this == F16 ? BitConverter.HalfToUInt16Bits((Half)value) : (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
    }

    /// <summary>Refuses a row that holds a value that is not finite.</summary>
    /// <exception cref="DdoqException">It does.</exception>
    public void RefuseNonFinite(ReadOnlySpan<byte> row, int classIndex, int rowIndex, ILatentSource source)
    {
        int i = IndexOfNonFinite(row);
        if (i < 0)
            return;
        throw new DdoqException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"Class {classIndex} ('{source.ClassNames[classIndex]}'), row {rowIndex}: value {i} of the latent is {Value(row, i)}; latents must be finite."),
            "Encode the class again; a half overflows above 65504, so check the scaling factor of the encoder.");
    }

    // An exponent of all ones says infinity or NaN.
    private static int IndexOfExponent<T>(ReadOnlySpan<T> bits, T exponent)
        where T : unmanaged, IBinaryInteger<T>
    {
        var mask = new Vector<T>(exponent);
        int i = 0;
        while (i <= bits.Length - Vector<T>.Count && !Vector.EqualsAny(new Vector<T>(bits[i..]) & mask, mask))
            i += Vector<T>.Count;
        for (; i < bits.Length; i++)
        {
            if ((bits[i] & exponent) == exponent)
                return i;
        }

        return -1;
    }
}
