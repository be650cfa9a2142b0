using CsCheck;
using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

public class PrototypeWeightsTests
{
    [TestCase(new long[] { 1 })]
    [TestCase(new long[] { 5, 1, 17 })]
    [TestCase(new long[] { 0, 3, 0, 4 })]
    [TestCase(new long[] { 1300, 1, 2, 3, 4, 5, 6, 7 })]
    public void SquareRoot_SquaresSumToCentroidCount(long[] counts) =>
        Assert.That(Compute(WeightRule.SquareRoot, counts).Sum(w => (double)w * w), Is.EqualTo(counts.Length).Within(1e-5 * counts.Length));

    /// <summary>Every rule is blind to the order of the cells and to the size of the class; an empty cell weighs nothing.</summary>
    [Test]
    public void Weights_FollowTheirCells_NotTheirPlacesOrTheClassSize() =>
        Gen.Select(Gen.Long[0, 5000].Array[1, 40].Where(counts => counts.Any(count => count > 0)), Gen.Enum<WeightRule>(), Gen.Long[2, 9]).Sample((counts, rule, times) =>
        {
            float[] weights = Compute(rule, counts), turned = Compute(rule, [.. counts.Reverse()]), larger = Compute(rule, [.. counts.Select(count => count * times)]);
            return turned.Reverse().Zip(weights).All(pair => Math.Abs(pair.First - pair.Second) <= 1e-6f * pair.Second)
                && larger.Zip(weights).All(pair => Math.Abs(pair.First - pair.Second) <= 1e-6f * pair.Second)
                && weights.Zip(counts).All(pair => rule == WeightRule.None ? pair.First == 1 : pair.First > 0 == pair.Second > 0);
        });

    [Test]
    public void SquareRoot_EqualCounts_AllOne() =>
        Assert.That(Compute(WeightRule.SquareRoot, [7, 7, 7]), Is.All.EqualTo(1f));

    [Test]
    public void SquareRoot_IsEquation34()
    {
        float[] weights = Compute(WeightRule.SquareRoot, [1, 3]);
        Assert.That(weights[0], Is.EqualTo(Math.Sqrt(2) * Math.Sqrt(0.25)).Within(1e-6));
        Assert.That(weights[1], Is.EqualTo(Math.Sqrt(2) * Math.Sqrt(0.75)).Within(1e-6));
    }

    [TestCase(WeightRule.Direct)]
    [TestCase(WeightRule.Inverse)]
    public void DirectAndInverse_SumToOne(WeightRule rule) =>
        Assert.That(Compute(rule, [3, 9, 1, 0, 40]).Sum(w => (double)w), Is.EqualTo(1).Within(1e-6));

    [Test]
    public void Direct_AreTheMasses() =>
        Assert.That(Compute(WeightRule.Direct, [1, 3]), Is.EqualTo(new[] { 0.25f, 0.75f }));

    [Test]
    public void Inverse_IsProportionalToOneOverCount() =>
        Assert.That(Compute(WeightRule.Inverse, [1, 3]), Is.EqualTo(new[] { 0.75f, 0.25f }));

    [Test]
    public void None_IsOne_AlsoForEmptyCells() =>
        Assert.That(Compute(WeightRule.None, [0, 5]), Is.EqualTo(new[] { 1f, 1f }));

    [TestCase(WeightRule.SquareRoot)]
    [TestCase(WeightRule.Direct)]
    [TestCase(WeightRule.Inverse)]
    public void EmptyCell_HasNoWeight(WeightRule rule)
    {
        float[] weights = Compute(rule, [0, 5, 2]);
        Assert.That(weights[0], Is.Zero);
        Assert.That(weights, Is.All.Not.NaN);
    }

    [TestCase(WeightRule.SquareRoot, 1f)]
    [TestCase(WeightRule.Direct, 0.25f)]
    [TestCase(WeightRule.Inverse, 0.25f)]
    public void AllCountsZero_AreEqualWeights(WeightRule rule, float expected) =>
        Assert.That(Compute(rule, [0, 0, 0, 0]), Is.All.EqualTo(expected));

    [Test]
    public void NoCentroids_NoWeights() => Assert.That(Compute(WeightRule.SquareRoot, []), Is.Empty);

    [Test]
    public void WrongLength_AndNegativeCount_AreRefused()
    {
        Assert.That(() => PrototypeWeights.Compute(WeightRule.Direct, [1, 2], new float[3]), Throws.TypeOf<DdoqException>());
        Assert.That(() => Compute(WeightRule.Direct, [1, -2]), Throws.TypeOf<DdoqException>().With.Message.Contains("-2"));
    }

    private static float[] Compute(WeightRule rule, long[] counts)
    {
        float[] weights = new float[counts.Length];
        PrototypeWeights.Compute(rule, counts, weights);
        return weights;
    }
}
