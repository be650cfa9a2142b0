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
