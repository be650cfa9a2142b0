using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Tests.Numerics.Kernels;

[TestFixtureSource(typeof(KernelVariants), nameof(KernelVariants.All))]
public unsafe class ElementwiseTests(string variant)
{
    private static readonly int[] Lengths = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 128, 129, 443, 1000];
    private LatentKernels _kernels = null!;

    [SetUp]
    public void SetUp() => _kernels = KernelVariants.Get(variant);

    [Test]
    public void Widen_IsExactForEveryFiniteHalf()
    {
        Half[] halves = [.. Enumerable.Range(0, 65536).Select(bits => BitConverter.UInt16BitsToHalf((ushort)bits)).Where(Half.IsFinite)];
        float[] widened = new float[halves.Length];
        fixed (Half* source = halves)
        fixed (float* destination = widened)
            _kernels.Widen(source, destination, halves.Length);
        for (int i = 0; i < halves.Length; i++)
            Assert.That(BitConverter.SingleToInt32Bits(widened[i]), Is.EqualTo(BitConverter.SingleToInt32Bits((float)halves[i])), $"bits {BitConverter.HalfToUInt16Bits(halves[i]):x4}");
    }

    [TestCaseSource(nameof(Lengths))]
    public void WidenAndAdd_TakeAnyLength(int length)
    {
        using var rows = new RowPointers(Halves(length + 1), length + 1);
        using var mean = new GuardedFloats(Floats(length, 2));
        using var widened = new GuardedFloats(length);
        using var centred = new GuardedFloats(length);
        using var sums = new GuardedFloats(Floats(length, 3));
        float[] before = sums.Span.ToArray();
        Half* row = (Half*)rows.Pointer[0];
        _kernels.Widen(row, widened.Pointer, length);
        _kernels.WidenCentred(row, mean.Pointer, centred.Pointer, length);
        _kernels.AddWidened(row, sums.Pointer, length);
        for (int j = 0; j < length; j++)
        {
            Assert.That(widened.Pointer[j], Is.EqualTo((float)row[j]));
            Assert.That(centred.Pointer[j], Is.EqualTo((float)row[j] - mean.Pointer[j]));
            Assert.That(sums.Pointer[j], Is.EqualTo(before[j] + (float)row[j]));
        }
    }

    [TestCaseSource(nameof(Lengths))]
    public void Reductions_AgreeWithFp64(int length)
    {
        length = LatentKernels.Pad(length);
        using var x = new GuardedFloats(Floats(length, 4));
        using var y = new GuardedFloats(Floats(length, 5));
        double dot = 0, squares = 0, magnitude = 0;
        for (int j = 0; j < length; j++)
        {
            dot += (double)x.Pointer[j] * y.Pointer[j];
            magnitude += Math.Abs((double)x.Pointer[j] * y.Pointer[j]);
            squares += ((double)x.Pointer[j] - y.Pointer[j]) * ((double)x.Pointer[j] - y.Pointer[j]);
        }

        Assert.Multiple(() =>
        {
            Assert.That(_kernels.Dot(x.Pointer, y.Pointer, length), Is.EqualTo(dot).Within(4e-6 * magnitude));
            Assert.That(_kernels.SquaredDistance(x.Pointer, y.Pointer, length), Is.EqualTo(squares).Within(4e-6 * squares));
            Assert.That(_kernels.SquaredDistanceInBlocks(x.Pointer, y.Pointer, length), Is.EqualTo(squares).Within(4e-6 * squares));
        });
    }

    [TestCaseSource(nameof(Lengths))]
    public void AddScaled_Blend_LowerTo_AgreeWithFp64(int length)
    {
        int padded = LatentKernels.Pad(length);
        using var x = new GuardedFloats(Floats(padded, 6));
        using var y = new GuardedFloats(Floats(padded, 7));
        using var z = new GuardedFloats(y.Span);
        using var low = new GuardedFloats(y.Span[..length]);
        float[] before = y.Span.ToArray();
        _kernels.AddScaled(0.75f, x.Pointer, y.Pointer, padded);
        _kernels.Blend(0.25f, 0.75f, x.Pointer, z.Pointer, padded);
        double sum = _kernels.LowerTo(x.Pointer, low.Pointer, length), expectedSum = 0;
        for (int j = 0; j < padded; j++)
        {
            Assert.That(y.Pointer[j], Is.EqualTo(before[j] + (0.75 * x.Pointer[j])).Within(1e-6));
            Assert.That(z.Pointer[j], Is.EqualTo((0.25 * before[j]) + (0.75 * x.Pointer[j])).Within(1e-6));
            if (j < length)
            {
                Assert.That(low.Pointer[j], Is.EqualTo(Math.Min(before[j], x.Pointer[j])));
                expectedSum += low.Pointer[j];
            }
        }

        Assert.That(sum, Is.EqualTo(expectedSum).Within(1e-5 * (1 + length)));
    }

    private static float[] Floats(int length, uint stream)
    {
        var random = new CounterRandom(1, stream);
        float[] values = new float[length];
        random.FillGaussian(values);
        return values;
    }

    private static Half[] Halves(int length) => [.. Floats(length, 9).Select(value => (Half)value)];
}
