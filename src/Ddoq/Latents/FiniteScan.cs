using System.Numerics;
using System.Runtime.InteropServices;

namespace Ddoq.Latents;

/// <summary>Finds infinities and NaNs in half-precision data by their exponent bits.</summary>
/// <remarks>
/// Kernels widen halves by shifts and one multiplication, which maps infinities and NaNs to finite numbers: they must be
/// found here, once, when data is loaded.
/// </remarks>
internal static class FiniteScan
{
    private const ushort ExponentMask = 0x7C00;

    /// <summary>Index of the first value that is not finite, or -1.</summary>
    public static int IndexOfNonFinite(ReadOnlySpan<Half> values)
    {
        ReadOnlySpan<ushort> bits = MemoryMarshal.Cast<Half, ushort>(values);
        int i = 0;
        var mask = new Vector<ushort>(ExponentMask);
        for (; i <= bits.Length - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            if (Vector.EqualsAny(new Vector<ushort>(bits[i..]) & mask, mask))
                break;
        }

        for (; i < bits.Length; i++)
        {
            if ((bits[i] & ExponentMask) == ExponentMask)
                return i;
        }

        return -1;
    }
}
