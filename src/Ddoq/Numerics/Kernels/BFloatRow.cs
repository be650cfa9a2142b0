using System.Runtime.CompilerServices;
using Ddoq.Latents;

namespace Ddoq.Numerics.Kernels;

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
