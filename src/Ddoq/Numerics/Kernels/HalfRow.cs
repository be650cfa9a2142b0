using System.Runtime.CompilerServices;
using Ddoq.Latents;

namespace Ddoq.Numerics.Kernels;

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
