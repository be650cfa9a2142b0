using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>Rows of bfloat16 and single precision give what rows of halves give, and reach where halves do not.</summary>
public class RowTypeTests
{
    private const int Dimension = 33, Rows = 70;

    [Test]
    public void EqualValues_GiveEqualBits(
        [Values(LatentElementType.BF16, LatentElementType.F32)] LatentElementType type,
        [Values] QuantizationAlgorithm algorithm,
        [Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space)
    {
        var options = new QuantizerOptions { CentroidCount = 6, Algorithm = algorithm, Space = space, Seed = 5, HoldOutFraction = 0.1 };
        float[] values = ShortValues(scale: 1 / 64f);
        using var quantizer = new CpuQuantizer();
        ClassQuantization halves = quantizer.FitClass(new TypedSource(values, LatentElementType.F16, Dimension), 0, options, default);
        ClassQuantization other = quantizer.FitClass(new TypedSource(values, type, Dimension), 0, options, default);
        ClassQuantization copied = quantizer.FitClass(new TypedSource(values, type, Dimension) { InPlace = false }, 0, options, default);
        Assert.Multiple(() =>
        {
            Assert.That(other.Centroids, Is.EqualTo(halves.Centroids));
            Assert.That(other.Labels, Is.EqualTo(halves.Labels));
            Assert.That(other.Distortion, Is.EqualTo(halves.Distortion));
            Assert.That(other.HeldOutDistortion, Is.EqualTo(halves.HeldOutDistortion));
            Assert.That(copied.Centroids, Is.EqualTo(halves.Centroids));
        });
    }

    [Test]
    public void Scale_BeyondHalf_ChangesNothingButTheScale([Values(LatentElementType.BF16, LatentElementType.F32)] LatentElementType type, [Values(-40, 30)] int exponent)
    {
        // A power of two scales every operation exactly.
        float scale = MathF.ScaleB(1, exponent);
        var options = new QuantizerOptions { CentroidCount = 6, Seed = 5 };
        using var quantizer = new CpuQuantizer();
        ClassQuantization one = quantizer.FitClass(new TypedSource(ShortValues(1), type, Dimension), 0, options, default);
        ClassQuantization scaled = quantizer.FitClass(new TypedSource(ShortValues(scale), type, Dimension), 0, options, default);
        Assert.Multiple(() =>
        {
            Assert.That(scaled.Labels, Is.EqualTo(one.Labels));
            Assert.That(scaled.Centroids, Is.EqualTo(one.Centroids.Select(value => value * scale)));
            Assert.That(scaled.Distortion, Is.EqualTo(one.Distortion * scale * scale));
        });
    }

    [Test]
    public void LargestValues_GiveFiniteResults([Values] LatentElementType type)
    {
        float largest = type == LatentElementType.F16 ? 65504f : BitConverter.Int32BitsToSingle(0x56B5 << 16);
        var random = new CounterRandom(4, 4);
        var values = new float[Rows * Dimension];
        for (int i = 0; i < values.Length; i++)
            values[i] = random.NextInt32(2) == 0 ? largest : -largest;
        var options = new QuantizerOptions { CentroidCount = 6, Seed = 5 };
        using var quantizer = new CpuQuantizer();
        ClassQuantization result = quantizer.FitClass(new TypedSource(values, type, Dimension), 0, options, default);
        double expected = ReferenceKMeans.Distortion([.. values.Select(value => (double)value)], result.Centroids, Dimension);
        Assert.That(result.Centroids, Has.All.InRange(-largest * 1.001f, largest * 1.001f));
        Assert.That(result.Distortion, Is.EqualTo(expected).Within(1e-5 * expected));
    }

    // Eight bits of mantissa, around 2: exact in all types at scale 1/64, and means far from half's smallest numbers.
    private static float[] ShortValues(float scale)
    {
        var random = new CounterRandom(3, 9);
        var values = new float[Rows * Dimension];
        for (int i = 0; i < values.Length; i++)
            values[i] = (128 + random.NextInt32(127)) * scale;
        return values;
    }
}
