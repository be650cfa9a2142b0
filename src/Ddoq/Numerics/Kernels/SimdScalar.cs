using System.Runtime.CompilerServices;

namespace Ddoq.Numerics.Kernels;

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
