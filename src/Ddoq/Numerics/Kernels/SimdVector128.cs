using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ddoq.Numerics.Kernels;

/// <summary>Any 128-bit instruction set (SSE, Advanced SIMD on Arm): 4 floats; fuses multiply-add where the processor does.</summary>
internal readonly unsafe struct SimdVector128 : ISimd<Vector128<float>>
{
    public static bool IsSupported => Vector128.IsHardwareAccelerated;

    public static string Name => "Vector128";

    public static int Width => 4;

    public static bool HasManyRegisters => false;

    public static Vector128<float> Zero => Vector128<float>.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> a, Vector128<float> b, Vector128<float> c) =>
        Vector128.MultiplyAddEstimate(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SquareRoot(Vector128<float> value) => Vector128.Sqrt(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SelectLess(Vector128<float> a, Vector128<float> b, Vector128<float> first, Vector128<float> second) =>
        Vector128.ConditionalSelect(Vector128.LessThan(a, b), first, second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SelectEqual(Vector128<float> a, Vector128<float> b, Vector128<float> first, Vector128<float> second) =>
        Vector128.ConditionalSelect(Vector128.Equals(a, b), first, second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> value) => Vector128.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> WidenHalf(Half* source)
    {
        Vector128<int> bits = Vector128.WidenLower(Vector64.Load((short*)source).ToVector128Unsafe());
        return ((bits << HalfBits.Shift) & Vector128.Create(HalfBits.Mask)).AsSingle() * Vector128.Create(HalfBits.Scale);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> WidenBFloat(ushort* source) =>
        (Vector128.WidenLower(Vector64.Load(source).ToVector128Unsafe()) << 16).AsSingle();
}
