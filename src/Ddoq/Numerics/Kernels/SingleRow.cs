using System.Runtime.CompilerServices;
using Ddoq.Latents;

namespace Ddoq.Numerics.Kernels;

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
