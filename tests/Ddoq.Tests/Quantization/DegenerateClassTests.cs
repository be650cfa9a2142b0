using CsCheck;
using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>Classes at the edges of what data may be: every algorithm, in both spaces, gives a right result for them.</summary>
public class DegenerateClassTests
{
    private const int Dimension = 19;

    [Test]
    public void ClassOfOneRow_IsItsOwnCentre([Values] QuantizationAlgorithm algorithm, [Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space)
    {
        Half[] rows = TestRows.Gaussian(1, Dimension, seed: 1);
        ClassQuantization result = Fit(rows, 7, algorithm, space);
        Assert.Multiple(() =>
        {
            Assert.That(result.CentroidCount, Is.EqualTo(1));
            Assert.That(result.Centroids, Is.EqualTo(rows.Select(value => (float)value)));
            Assert.That(result.Counts, Is.EqualTo(new[] { 1L }));
            Assert.That((result.Distortion, result.EffectiveCells, result.EmptyCells), Is.EqualTo((0.0, 1.0, 0)));
        });
    }

    /// <summary>Rows of few values, so that many are equal: counts, labels and distortion are those of the centres, whatever was asked for.</summary>
    [Test]
    public void RowsOfFewValues_GetResultsThatBelongTogether([Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space) =>
        Gen.Select(Gen.Int[0, 3].Array[1, 30], Gen.Int[1, 9], Gen.Enum<QuantizationAlgorithm>()).Sample(
            (kinds, centroids, algorithm) =>
            {
                Half[] rows = [.. kinds.SelectMany(kind => Enumerable.Range(0, Dimension).Select(d => (Half)(kind == d % 4 ? 2 : 0)))];
                ClassQuantization result = Fit(rows, centroids, algorithm, space);
                double expected = ReferenceKMeans.Distortion(ReferenceKMeans.ToDouble(rows), result.Centroids, Dimension);
                return result.Counts.Sum() == kinds.Length
                    && result.CentroidCount == Math.Min(centroids, kinds.Length)
                    && Enumerable.Range(0, result.CentroidCount).All(k => result.Counts[k] == result.Labels.Count(label => label == k))
                    && Math.Abs(result.Distortion - expected) <= 1e-5 * (expected + 1);
            },
            iter: 300,
            threads: 1);

    [Test]
    public void AsManyCentresAsRows_OrMore_EveryRowIsACentre(
        [Values] QuantizationAlgorithm algorithm, [Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space, [Values(9, 12)] int centroids)
    {
        const int Rows = 9;
        Half[] rows = TestRows.Gaussian(Rows, Dimension, seed: 2);
        ClassQuantization result = Fit(rows, centroids, algorithm, space);
        Assert.That(result.CentroidCount, Is.EqualTo(Rows));

        // CLVQ draws rows with replacement and the mini-batch methods stop early: their centres are rows or means of some.
        if (algorithm is QuantizationAlgorithm.Lloyd or QuantizationAlgorithm.Hartigan)
        {
            Assert.Multiple(() =>
            {
                Assert.That(result.Counts, Is.All.EqualTo(1));
                Assert.That(result.Distortion, Is.Zero);
                Assert.That(result.Centroids.Chunk(Dimension).Select(centre => string.Join(' ', centre)).Order(StringComparer.Ordinal),
                    Is.EqualTo(rows.Select(value => (float)value).Chunk(Dimension).Select(row => string.Join(' ', row)).Order(StringComparer.Ordinal)));
            });
        }

        AssertConsistent(rows, result, 1e-5);
    }

    [Test]
    public void RowsAtHalfsLargestValue_DoNotOverflow([Values] QuantizationAlgorithm algorithm, [Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space)
    {
        // Distances reach 4 D 65504^2; the mean of equal coordinates is 65504 itself.
        var random = new CounterRandom(8, 8);
        var rows = new Half[60 * Dimension];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = i % Dimension == 0 || random.NextInt32(2) == 0 ? Half.MaxValue : -Half.MaxValue;
        ClassQuantization result = Fit(rows, 6, algorithm, space);

        // Support points push each other apart, beyond the rows if need be.
        float largest = algorithm == QuantizationAlgorithm.Support ? 4 * 65504 : 65504.07f;
        Assert.That(result.Centroids, Has.All.InRange(-largest, largest));
        AssertConsistent(rows, result, 1e-5);
    }

    [Test]
    public void SubnormalRows_AreNumbersLikeOthers([Values] QuantizationAlgorithm algorithm, [Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space)
    {
        // Whole multiples of 2^-24, half's smallest number, and the same multiples of 1 / 16: one is the other scaled.
        var random = new CounterRandom(9, 9);
        var small = new Half[60 * Dimension];
        var large = new Half[small.Length];
        for (int i = 0; i < small.Length; i++)
        {
            int multiple = random.NextInt32(201) - 100;
            small[i] = BitConverter.UInt16BitsToHalf((ushort)(Math.Abs(multiple) | (multiple < 0 ? 0x8000 : 0)));
            large[i] = (Half)(multiple / 16f);
        }

        Assert.That(small.Count(Half.IsSubnormal), Is.GreaterThan(small.Length / 2));
        ClassQuantization result = Fit(small, 6, algorithm, space), scaled = Fit(large, 6, algorithm, space);
        AssertConsistent(small, result, 1e-5);
        Assert.That(result.Distortion, Is.GreaterThan(0));

        // The shift of the coordinates is rounded to half, more coarsely among subnormals: equal up to that.
        Assert.That(result.Distortion * Math.Pow(2, 40), Is.EqualTo(scaled.Distortion).Within(0.02 * scaled.Distortion));
    }

    [Test]
    public void EqualRows_HaveNoDistortion_AtAnySize([Values] QuantizationAlgorithm algorithm, [Values(0, 3.140625, 65504, 5.96e-8)] double value)
    {
        var rows = new Half[30 * Dimension];
        Array.Fill(rows, (Half)value);
        foreach (QuantizationSpace space in (QuantizationSpace[])[QuantizationSpace.Gram, QuantizationSpace.Direct])
        {
            ClassQuantization result = Fit(rows, 4, algorithm, space);
            Assert.Multiple(() =>
            {
                Assert.That(result.Distortion, Is.EqualTo(0).Within(1e-12 * value * value));
                Assert.That(result.Counts[0], Is.EqualTo(30), "the lowest centre takes all");
                Assert.That(result.EmptyCells, Is.EqualTo(3));
                Assert.That(result.EffectiveCells, Is.EqualTo(1));
            });
        }
    }

    private static ClassQuantization Fit(Half[] rows, int centroids, QuantizationAlgorithm algorithm, QuantizationSpace space)
    {
        var options = new QuantizerOptions { CentroidCount = centroids, Algorithm = algorithm, Space = space, Seed = 3, Passes = 3 };
        using var quantizer = new CpuQuantizer();
        return quantizer.FitClass(new ArrayLatentSource(Dimension, rows), 0, options, default);
    }

    // Against fp64: the distortion is that of the centres, counts and labels agree, every label is a nearest centre.
    private static void AssertConsistent(Half[] rows, ClassQuantization result, double tolerance)
    {
        double[] exact = [.. rows.Select(value => (double)value)];
        double expected = ReferenceKMeans.Distortion(exact, result.Centroids, Dimension);
        double scale = exact.Sum(value => value * value) / (exact.Length / Dimension);
        Assert.Multiple(() =>
        {
            Assert.That(result.Distortion, Is.EqualTo(expected).Within(tolerance * scale));
            Assert.That(result.Counts.Sum(), Is.EqualTo(exact.Length / Dimension));
            Assert.That(Enumerable.Range(0, result.CentroidCount).Select(k => (long)result.Labels.Count(label => label == k)), Is.EqualTo(result.Counts));
        });
    }
}
