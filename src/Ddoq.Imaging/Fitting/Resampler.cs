using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ddoq.Imaging;

/// <summary>Resizes interleaved 8-bit images: rows first, then columns, rounded to bytes between the two.</summary>
/// <remarks>
/// Integer arithmetic throughout, so the result is the same on every machine and for every vector width. The row pass
/// works on one RGB pixel as a vector of four 32-bit lanes, the column pass on sixteen neighbouring bytes; where there is
/// AVX2, <see cref="ResamplerAvx2"/> does most of both.
/// </remarks>
internal static class Resampler
{
    private const int Half = 1 << (ResampleWeights.FractionBits - 1);

    /// <summary>Resizes and crops.</summary>
    /// <param name="source">[source.Height, source.Width, channels].</param>
    /// <param name="sourceSize">The size of the source.</param>
    /// <param name="channels">1 or 3.</param>
    /// <param name="window">What of the resized image is wanted.</param>
    /// <param name="interpolation">The filter.</param>
    /// <param name="target">[window.Wanted.Height, window.Wanted.Width, channels].</param>
    public static void Resize(
        ReadOnlySpan<byte> source, ImageSize sourceSize, int channels, ResampleWindow window, ImageInterpolation interpolation, Span<byte> target)
    {
        ImageSize wanted = window.Wanted;
        ResampleWeights across = ResampleWeights.Create(interpolation, sourceSize.Width, window.Resized.Width, window.Left, wanted.Width);
        ResampleWeights down = ResampleWeights.Create(interpolation, sourceSize.Height, window.Resized.Height, window.Top, wanted.Height);

        if (Avx2.IsSupported)
        {
            across.Split();
            down.Split();
        }

        // Only the source rows that the column pass will use.
        int firstRow = down.FirstInput, rows = down.EndInput - firstRow;
        int sourceStride = sourceSize.Width * channels, stride = wanted.Width * channels;
        byte[] middle = ArrayPool<byte>.Shared.Rent(rows * stride);
        try
        {
            for (int row = 0; row < rows; row++)
            {
                ReadOnlySpan<byte> rest = source[((firstRow + row) * sourceStride)..], from = rest[..sourceStride];
                Span<byte> to = middle.AsSpan(row * stride, stride);
                if (channels == 3)
                    ResizeRgbRow(from, across, to, Avx2.IsSupported ? ResamplerAvx2.ResizeRgbRow(rest, across, to) : 0);
                else
                    ResizeGreyRow(from, across, to);
            }

            for (int row = 0; row < wanted.Height; row++)
            {
                ReadOnlySpan<int> weights = down.Of(row, out int start);
                ReadOnlySpan<byte> mixed = middle.AsSpan((start - firstRow) * stride);
                Span<byte> to = target.Slice(row * stride, stride);
                ResizeColumns(mixed, weights, to, Avx2.IsSupported ? ResamplerAvx2.ResizeColumns(mixed, down, row, weights.Length, to) : 0);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(middle);
        }
    }

    private static void ResizeGreyRow(ReadOnlySpan<byte> source, ResampleWeights weights, Span<byte> target)
    {
        for (int x = 0; x < target.Length; x++)
        {
            ReadOnlySpan<int> taps = weights.Of(x, out int start);
            ReadOnlySpan<byte> inputs = source.Slice(start, taps.Length);
            int sum = Half;
            for (int tap = 0; tap < taps.Length; tap++)
                sum += inputs[tap] * taps[tap];
            target[x] = ToByte(sum);
        }
    }

    private static void ResizeRgbRow(ReadOnlySpan<byte> source, ResampleWeights weights, Span<byte> target, int done)
    {
        for (int x = done; x < weights.Count; x++)
        {
            ReadOnlySpan<int> taps = weights.Of(x, out int start);
            ReadOnlySpan<byte> inputs = source.Slice(3 * start, 3 * taps.Length);
            ref byte first = ref MemoryMarshal.GetReference(inputs);
            int last = taps.Length - 1;
            Vector128<int> sum = Vector128.Create(Half);
            for (int tap = 0; tap < last; tap++)
            {
                // Four bytes for a pixel of three; the fourth lane is of no use.
                Vector128<byte> pixel = Vector128.CreateScalar(Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref first, 3 * tap))).AsByte();
                sum += Vector128.WidenLower(Vector128.WidenLower(pixel)).AsInt32() * Vector128.Create(taps[tap]);
            }

            // Behind the last pixel there may be no fourth byte.
            sum += Vector128.Create(inputs[^3], inputs[^2], inputs[^1], 0) * Vector128.Create(taps[last]);
            sum = Clamp(sum);
            target[3 * x] = (byte)sum[0];
            target[3 * x + 1] = (byte)sum[1];
            target[3 * x + 2] = (byte)sum[2];
        }
    }

    private static void ResizeColumns(ReadOnlySpan<byte> rows, ReadOnlySpan<int> weights, Span<byte> target, int done)
    {
        int stride = target.Length, i = done;
        ref byte first = ref MemoryMarshal.GetReference(rows);
        for (; i <= stride - Vector128<byte>.Count; i += Vector128<byte>.Count)
        {
            Vector128<int> a = Vector128.Create(Half), b = a, c = a, d = a;
            for (int tap = 0; tap < weights.Length; tap++)
            {
                Vector128<byte> bytes = Vector128.LoadUnsafe(ref first, (nuint)(tap * stride + i));
                (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(bytes);
                Vector128<int> weight = Vector128.Create(weights[tap]);
                a += Vector128.WidenLower(low).AsInt32() * weight;
                b += Vector128.WidenUpper(low).AsInt32() * weight;
                c += Vector128.WidenLower(high).AsInt32() * weight;
                d += Vector128.WidenUpper(high).AsInt32() * weight;
            }

            Vector128<short> lower = Vector128.Narrow(Clamp(a), Clamp(b)), upper = Vector128.Narrow(Clamp(c), Clamp(d));
            Vector128.Narrow(lower.AsUInt16(), upper.AsUInt16()).CopyTo(target[i..]);
        }

        for (; i < stride; i++)
        {
            int sum = Half;
            for (int tap = 0; tap < weights.Length; tap++)
                sum += rows[tap * stride + i] * weights[tap];
            target[i] = ToByte(sum);
        }
    }

    private static Vector128<int> Clamp(Vector128<int> sums) =>
        Vector128.Min(Vector128.Max(sums >> ResampleWeights.FractionBits, Vector128<int>.Zero), Vector128.Create(255));

    private static byte ToByte(int sum) => (byte)Math.Clamp(sum >> ResampleWeights.FractionBits, 0, 255);
}
