using System.Runtime.CompilerServices;

namespace Ddoq.Numerics.Kernels;

/// <summary>One instruction set seen as operations on a vector of floats, so that every kernel is written once.</summary>
/// <remarks>
/// Implementations are empty structs: the JIT compiles each kernel per implementation with every call inlined.
/// </remarks>
/// <typeparam name="TVector">The register type.</typeparam>
internal unsafe interface ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Whether this processor can run it.</summary>
    static abstract bool IsSupported { get; }

    /// <summary>Name in reports and in <c>DDOQ_SIMD</c>.</summary>
    static abstract string Name { get; }

    /// <summary>Floats per vector; divides 16.</summary>
    static abstract int Width { get; }

    /// <summary>Whether 32 registers allow tiles of 24 accumulators; otherwise tiles use 12.</summary>
    static abstract bool HasManyRegisters { get; }

    /// <summary>All zeros.</summary>
    static abstract TVector Zero { get; }

    /// <summary>Reads <see cref="Width"/> floats; any alignment.</summary>
    static abstract TVector Load(float* source);

    /// <summary>Writes <see cref="Width"/> floats; any alignment.</summary>
    static abstract void Store(TVector value, float* destination);

    /// <summary>The value in every lane.</summary>
    static abstract TVector Broadcast(float value);

    /// <summary><c>a * b + c</c>, rounded once where the instruction set fuses.</summary>
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

    /// <summary><c>a + b</c>.</summary>
    static abstract TVector Add(TVector a, TVector b);

    /// <summary><c>a - b</c>.</summary>
    static abstract TVector Subtract(TVector a, TVector b);

    /// <summary><c>a * b</c>.</summary>
    static abstract TVector Multiply(TVector a, TVector b);

    /// <summary><c>a / b</c>.</summary>
    static abstract TVector Divide(TVector a, TVector b);

    /// <summary>The square root of each lane, correctly rounded.</summary>
    static abstract TVector SquareRoot(TVector value);

    /// <summary>Per lane <c>a &lt; b ? first : second</c>.</summary>
    static abstract TVector SelectLess(TVector a, TVector b, TVector first, TVector second);

    /// <summary>Per lane <c>a == b ? first : second</c>.</summary>
    static abstract TVector SelectEqual(TVector a, TVector b, TVector first, TVector second);

    /// <summary>Sum of the lanes in a fixed order.</summary>
    static abstract float Sum(TVector value);

    /// <summary>
    /// Converts <see cref="Width"/> finite halves exactly: the 16 bits are widened with their sign, shifted so that
    /// exponent and mantissa stand in place, and multiplied by 2^112, which restores the exponent bias and normalises
    /// subnormals. Infinity and NaN would come out finite; callers have refused them.
    /// </summary>
    static abstract TVector WidenHalf(Half* source);

    /// <summary>Converts <see cref="Width"/> bfloat16 values exactly: they are the upper 16 bits of floats.</summary>
    static abstract TVector WidenBFloat(ushort* source);
}

/// <summary>One float at a time: the reference variant, for processors and tools without vectors.</summary>
internal readonly unsafe struct SimdScalar : ISimd<float>
{
    public static bool IsSupported => true;

    public static string Name => "scalar";

    public static int Width => 1;

    public static bool HasManyRegisters => false;

    public static float Zero => 0f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(float* source) => *source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float value, float* destination) => *destination = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Broadcast(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float a, float b, float c) => (a * b) + c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float a, float b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Subtract(float a, float b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Multiply(float a, float b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Divide(float a, float b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SquareRoot(float value) => MathF.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SelectLess(float a, float b, float first, float second) => a < b ? first : second;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SelectEqual(float a, float b, float first, float second) => a == b ? first : second;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float WidenHalf(Half* source) =>
        BitConverter.Int32BitsToSingle((*(short*)source << HalfBits.Shift) & HalfBits.Mask) * HalfBits.Scale;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float WidenBFloat(ushort* source) =>
        BitConverter.Int32BitsToSingle(*source << 16);
}
