using System.Numerics;
using System.Runtime.CompilerServices;
using Ddoq.Latents;

namespace Ddoq.Numerics.Kernels;

/// <summary>How the values of a row are stored, so that every kernel is written once and compiled per type.</summary>
/// <remarks>Implementations are empty structs, as those of <see cref="ISimd{TVector}"/>. Conversions are exact.</remarks>
internal unsafe interface IRowFormat
{
    /// <summary>The type of the values.</summary>
    static abstract LatentElementType Type { get; }

    /// <summary>Bytes of one value.</summary>
    static abstract int Size { get; }

    /// <summary>One vector of values from <paramref name="index"/> on, as floats; any alignment.</summary>
    static abstract TVector Widen<TSimd, TVector>(void* row, nint index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;

    /// <summary>One value as a float.</summary>
    static abstract float Widen(void* row, nint index);
}

/// <summary>Rows of halves: the type that Ddoq writes.</summary>
internal readonly unsafe struct HalfRow : IRowFormat
{
    public static LatentElementType Type => LatentElementType.F16;

    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Widen<TSimd, TVector>(void* row, nint index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.WidenHalf((Half*)row + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Widen(void* row, nint index) => SimdScalar.WidenHalf((Half*)row + index);
}

/// <summary>Rows of bfloat16: the upper halves of floats.</summary>
internal readonly unsafe struct BFloatRow : IRowFormat
{
    public static LatentElementType Type => LatentElementType.BF16;

    public static int Size => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Widen<TSimd, TVector>(void* row, nint index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.WidenBFloat((ushort*)row + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Widen(void* row, nint index) => SimdScalar.WidenBFloat((ushort*)row + index);
}

/// <summary>Rows of floats, read as they are.</summary>
internal readonly unsafe struct SingleRow : IRowFormat
{
    public static LatentElementType Type => LatentElementType.F32;

    public static int Size => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Widen<TSimd, TVector>(void* row, nint index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Load((float*)row + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Widen(void* row, nint index) => ((float*)row)[index];
}

/// <summary>The constants of the exact conversion from half to float: <c>float((sign-extended bits &lt;&lt; 13) &amp; mask) * 2^112</c>.</summary>
internal static class HalfBits
{
    /// <summary>Bits of mantissa that float has more than half.</summary>
    public const int Shift = 13;

    /// <summary>Sign, five exponent bits and ten mantissa bits after the shift.</summary>
    public const int Mask = unchecked((int)0x8fffe000);

    /// <summary>2^112: the difference of the exponent biases, 127 - 15.</summary>
    public const float Scale = 5.192296858534828e33f;

    /// <summary>Exponent bits of a half; all set for infinity and NaN.</summary>
    public const ushort Exponent = 0x7c00;
}

/// <summary>Finds infinity and NaN in halves, which the conversion of the kernels does not keep apart.</summary>
internal static unsafe class FiniteCheck
{
    /// <summary>Position of the first value that is not finite; -1 when all are.</summary>
    public static nint FirstNonFinite(Half* values, nint count)
    {
        ushort* bits = (ushort*)values;
        var exponent = new Vector<ushort>(HalfBits.Exponent);
        nint j = 0;
        for (; j <= count - Vector<ushort>.Count; j += Vector<ushort>.Count)
        {
            if (Vector.EqualsAny(Vector.Load(bits + j) & exponent, exponent))
                break;
        }

        for (; j < count; j++)
        {
            if ((bits[j] & HalfBits.Exponent) == HalfBits.Exponent)
                return j;
        }

        return -1;
    }
}
