using System.Numerics;

namespace Ddoq.Numerics.Kernels;

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
