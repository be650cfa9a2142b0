using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Tests.Numerics.Kernels;

/// <summary>Kernels over rows of bfloat16 and singles: exact conversions, and the very results of half rows for equal values.</summary>
[TestFixtureSource(typeof(KernelVariants), nameof(KernelVariants.All))]
public class RowFormatTests(string variant)
{
    private readonly LatentKernels _kernels = KernelVariants.Get(variant);

    [Test]
    public unsafe void Widen_IsExact_ForEveryBFloat()
    {
        ushort[] source = [.. Enumerable.Range(0, 1 << 16).Select(bits => (ushort)bits).Where(bits => (bits & 0x7F80) != 0x7F80)];
        var destination = new float[source.Length];
        fixed (ushort* s = source)
        fixed (float* d = destination)
            _kernels.ForRows(LatentElementType.BF16).Widen(s, d, source.Length);
        Assert.That(destination.Select(BitConverter.SingleToUInt32Bits), Is.EqualTo(source.Select(bits => (uint)bits << 16)));
    }

    [Test]
    public unsafe void EveryKernel_GivesTheBitsOfHalfRows([Values(LatentElementType.BF16, LatentElementType.F32)] LatentElementType type, [Values(1, 3, 17, 443, 1000)] int dimension)
    {
        const int Rows = 13, Centroids = 5;

        // Eight bits of mantissa and a small exponent: exact in all three types.
        var random = new CounterRandom(3, (ulong)dimension);
        var halves = new Half[Rows * dimension];
        for (int i = 0; i < halves.Length; i++)
            halves[i] = (Half)((random.NextInt32(511) - 255) / 64f);
        float[] centroids = new float[Centroids * dimension];
        random.FillGaussian(centroids);
        byte[] bytes = type == LatentElementType.F32
            ? [.. halves.SelectMany(value => BitConverter.GetBytes((float)value))]
            : [.. halves.SelectMany(value => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits((float)value) >> 16)))];
        fixed (Half* expected = halves)
        fixed (byte* actual = bytes)
            Assert.That(Results(_kernels.ForRows(type), actual, dimension, bytes.Length / Rows, centroids), Is.EqualTo(Results(_kernels, (byte*)expected, dimension, sizeof(ushort) * dimension, centroids)));
    }

    private static unsafe float[] Results(LatentKernels kernels, byte* rows, int dimension, int rowBytes, float[] centroids)
    {
        const int Rows = 13, Centroids = 5;
        int padded = LatentKernels.Pad(dimension);
        using var pointers = new NativeBuffer<nint>();
        using var mean = new NativeBuffer<float>();
        using var scratch = new NativeBuffer<float>();
        using var gram = new NativeBuffer<float>();
        using var table = new NativeBuffer<float>();
        using var panels = new NativeBuffer<float>();
        using var scores = new NativeBuffer<float>();
        var results = new List<float>();
        for (int i = 0; i < Rows; i++)
            pointers.Span(Rows)[i] = (nint)(rows + (i * rowBytes));
        mean.ReserveZeroed(padded);
        for (int i = 0; i < Rows; i++)
            kernels.AddWidened(rows + (i * rowBytes), mean.Pointer, dimension);
        results.AddRange(mean.Span(padded));
        kernels.WidenCentred(rows + rowBytes, mean.Pointer, scratch.ReserveZeroed(padded), dimension);
        results.AddRange(scratch.Span(padded));
        kernels.Gram(pointers.Pointer, Rows, mean.Pointer, dimension, scratch.Reserve(kernels.GramScratchLength(Rows)), gram.ReserveZeroed(kernels.GramLength(Rows)));
        for (int i = 0; i < Rows; i++)
            results.AddRange(gram.Span((int)kernels.GramLength(Rows)).Slice(i * kernels.GramStride(Rows), Rows));
        table.ReserveZeroed(Centroids * padded);
        for (int k = 0; k < Centroids; k++)
            centroids.AsSpan(k * dimension, dimension).CopyTo(table.Span(Centroids * padded)[(k * padded)..]);
        kernels.Pack(table.Pointer, padded, Centroids, dimension, panels.Reserve(kernels.PanelLength(Centroids, dimension)));
        scores.ReserveZeroed(LatentKernels.RowsPerBlock * kernels.ScoreStride(Centroids));
        kernels.Scores(pointers.Pointer, Rows, mean.Pointer, dimension, panels.Pointer, Centroids, scratch.Reserve(LatentKernels.ScoreScratchLength), scores.Pointer);
        for (int i = 0; i < Rows; i++)
            results.AddRange(new Span<float>(scores.Pointer + (i * kernels.ScoreStride(Centroids)), Centroids));
        return [.. results];
    }
}
