using System.Numerics;
using System.Runtime.InteropServices;

namespace Ddoq.Latents;

/// <summary>Finds values that the engine cannot work with, by their bits: infinities, NaNs, and sizes above 1e14.</summary>
/// <remarks>
/// Kernels widen halves by shifts and one multiplication, which maps infinities and NaNs to finite numbers: they must be
/// found here, once, when data is loaded. bfloat16 and single precision reach 3e38, where squared distances overflow:
/// up to <see cref="Largest"/> the sum of 2^29 squared differences still fits single precision.
/// </remarks>
internal static class FiniteScan
{
    /// <summary>The largest size of a value in bfloat16 and single precision.</summary>
    public const float Largest = 1e14f;

    private const ushort HalfLargest = 0x7BFF;
    private const ushort BFloatLargest = 0x56B5;

    /// <summary>Index of the first value that is not finite, or -1.</summary>
    public static int IndexOfNonFinite(ReadOnlySpan<Half> values) => IndexAbove(MemoryMarshal.Cast<Half, short>(values), (short)HalfLargest);

    /// <summary>Index of the first value, counted in values, that is not finite or too large; -1 when there is none.</summary>
    /// <param name="bytes">Values as they are stored.</param>
    /// <param name="type">Their type.</param>
    public static int IndexOfUnusable(ReadOnlySpan<byte> bytes, LatentElementType type) => type switch
    {
        LatentElementType.F16 => IndexAbove(MemoryMarshal.Cast<byte, short>(bytes), (short)HalfLargest),
        LatentElementType.BF16 => IndexAbove(MemoryMarshal.Cast<byte, short>(bytes), (short)BFloatLargest),
        _ => IndexAbove(MemoryMarshal.Cast<byte, int>(bytes), BitConverter.SingleToInt32Bits(Largest)),
    };

    /// <summary>One stored value, for messages.</summary>
    public static float ValueAt(ReadOnlySpan<byte> bytes, LatentElementType type, int index) => type switch
    {
        LatentElementType.F16 => (float)MemoryMarshal.Cast<byte, Half>(bytes)[index],
        LatentElementType.BF16 => BitConverter.Int32BitsToSingle(MemoryMarshal.Cast<byte, short>(bytes)[index] << 16),
        _ => MemoryMarshal.Cast<byte, float>(bytes)[index],
    };

    // Without the sign the bits of floating-point numbers order as integers do, infinity and NaN above all others.
    private static int IndexAbove<T>(ReadOnlySpan<T> bits, T largest) where T : unmanaged, IBinaryInteger<T>, IMinMaxValue<T>
    {
        int i = 0;
        Vector<T> mask = new(T.MaxValue), limit = new(largest);
        for (; i <= bits.Length - Vector<T>.Count; i += Vector<T>.Count)
        {
            if (Vector.GreaterThanAny(new Vector<T>(bits[i..]) & mask, limit))
                break;
        }

        for (; i < bits.Length; i++)
        {
            if ((bits[i] & T.MaxValue) > largest)
                return i;
        }

        return -1;
    }
}
