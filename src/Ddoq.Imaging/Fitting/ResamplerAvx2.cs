using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ddoq.Imaging;

/// <summary>The passes of <see cref="Resampler"/> by 16-bit multiply-adds of AVX2, two taps an instruction.</summary>
/// <remarks>
/// A weight of 22 fractional bits is split into w = 2^11 h + l, both of which fit 16 bits: sum w p = 2^11 sum h p + sum l p. All of it
/// is integer arithmetic that does not overflow, so the result is that of the plain passes to the bit.
/// </remarks>
internal static class ResamplerAvx2
{
    private const int Half = 1 << (ResampleWeights.FractionBits - 1);

    // Four RGB pixels as pairs of 16 bits: r0 r1, r2 r3, g0 g1, g2 g3 in the lower lane, b0 b1, b2 b3 in the upper one.
    private static readonly Vector256<byte> s_fourPixels = Vector256.Create(
        0, 0x80, 3, 0x80, 6, 0x80, 9, 0x80, 1, 0x80, 4, 0x80, 7, 0x80, 10, 0x80,
        2, 0x80, 5, 0x80, 8, 0x80, 11, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, (byte)0x80);

    /// <summary>Resizes a row of RGB pixels as far as whole vectors may be read.</summary>
    /// <param name="source">The image from the row's first byte to its end: weights of zero may lie on what is behind the row.</param>
    /// <param name="weights">What each output mixes.</param>
    /// <param name="target">[weights.Count, 3].</param>
    /// <returns>The number of outputs written; the others are left to the plain pass.</returns>
    public static int ResizeRgbRow(ReadOnlySpan<byte> source, ResampleWeights weights, Span<byte> target)
    {
        ref byte first = ref MemoryMarshal.GetReference(source);
        ref byte output = ref MemoryMarshal.GetReference(target);
        int groups = weights.Groups;
        Vector256<byte> order = s_fourPixels;
        for (int x = 0; x < weights.Count; x++)
        {
            int start = 3 * weights.StartOf(x);

            // Four bytes are written for the three of an output.
            if (start + 12 * groups + 4 > source.Length || 3 * x + 4 > target.Length)
                return x;
            ref long high = ref Unsafe.As<short, long>(ref MemoryMarshal.GetReference(weights.HighOf(x)));
            ref long low = ref Unsafe.As<short, long>(ref MemoryMarshal.GetReference(weights.LowOf(x)));
            Vector256<int> highs = Vector256<int>.Zero, lows = Vector256<int>.Zero;
            for (int group = 0; group < groups; group++)
            {
                var bytes = Vector128.LoadUnsafe(ref first, (nuint)(start + 12 * group));
                Vector256<short> pixels = Avx2.Shuffle(Vector256.Create(bytes, bytes), order).AsInt16();
                highs += Avx2.MultiplyAddAdjacent(pixels, Vector256.Create(Unsafe.Add(ref high, group)).AsInt16());
                lows += Avx2.MultiplyAddAdjacent(pixels, Vector256.Create(Unsafe.Add(ref low, group)).AsInt16());
            }

            Vector256<int> sums = (highs << ResampleWeights.LowBits) + lows;
            sums = Avx2.HorizontalAdd(sums, sums); // r, g, r, g; b, 0, b, 0
            Vector128<int> pixel = Sse2.UnpackLow(sums.GetLower().AsInt64(), sums.GetUpper().AsInt64()).AsInt32();
            pixel = (pixel + Vector128.Create(Half)) >> ResampleWeights.FractionBits;
            Vector128<short> narrow = Sse2.PackSignedSaturate(pixel, pixel);
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref output, 3 * x), Sse2.PackUnsignedSaturate(narrow, narrow).AsUInt32().ToScalar());
        }

        return weights.Count;
    }

    /// <summary>Mixes rows into one, sixteen bytes at a time.</summary>
    /// <param name="rows">The first row that is mixed and those behind it, each as long as <paramref name="target"/>.</param>
    /// <param name="weights">What each output row mixes.</param>
    /// <param name="row">Which output row.</param>
    /// <param name="taps">How many rows it mixes.</param>
    /// <param name="target">The output row.</param>
    /// <returns>The number of bytes written; the others are left to the plain pass.</returns>
    public static int ResizeColumns(ReadOnlySpan<byte> rows, ResampleWeights weights, int row, int taps, Span<byte> target)
    {
        ref byte first = ref MemoryMarshal.GetReference(rows);
        ref int high = ref Unsafe.As<short, int>(ref MemoryMarshal.GetReference(weights.HighOf(row)));
        ref int low = ref Unsafe.As<short, int>(ref MemoryMarshal.GetReference(weights.LowOf(row)));
        int stride = target.Length, i = 0;
        for (; i <= stride - Vector128<byte>.Count; i += Vector128<byte>.Count)
        {
            Vector256<int> highsA = Vector256<int>.Zero, lowsA = highsA, highsB = highsA, lowsB = highsA;
            for (int pair = 0; 2 * pair < taps; pair++)
            {
                var even = Vector128.LoadUnsafe(ref first, (nuint)(2 * pair * stride + i));
                Vector128<byte> odd = 2 * pair + 1 < taps ? Vector128.LoadUnsafe(ref first, (nuint)((2 * pair + 1) * stride + i)) : Vector128<byte>.Zero;
                Vector256<short> a = Avx2.ConvertToVector256Int16(Sse2.UnpackLow(even, odd));
                Vector256<short> b = Avx2.ConvertToVector256Int16(Sse2.UnpackHigh(even, odd));
                var highWeights = Vector256.Create(Unsafe.Add(ref high, pair)).AsInt16();
                var lowWeights = Vector256.Create(Unsafe.Add(ref low, pair)).AsInt16();
                highsA += Avx2.MultiplyAddAdjacent(a, highWeights);
                lowsA += Avx2.MultiplyAddAdjacent(a, lowWeights);
                highsB += Avx2.MultiplyAddAdjacent(b, highWeights);
                lowsB += Avx2.MultiplyAddAdjacent(b, lowWeights);
            }

            Vector256<int> sumsA = Level(highsA, lowsA), sumsB = Level(highsB, lowsB);
            Vector128<short> lower = Sse2.PackSignedSaturate(sumsA.GetLower(), sumsA.GetUpper());
            Vector128<short> upper = Sse2.PackSignedSaturate(sumsB.GetLower(), sumsB.GetUpper());
            Sse2.PackUnsignedSaturate(lower, upper).CopyTo(target[i..]);
        }

        return i;
    }

    private static Vector256<int> Level(Vector256<int> highs, Vector256<int> lows) =>
        ((highs << ResampleWeights.LowBits) + lows + Vector256.Create(Half)) >> ResampleWeights.FractionBits;
}
