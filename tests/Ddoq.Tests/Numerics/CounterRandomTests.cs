using Ddoq.Numerics;

namespace Ddoq.Tests.Numerics;

public class CounterRandomTests
{
    // Known answers of the Random123 distribution for philox4x32-10 (counter, key -> output).
    [TestCase(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [TestCase(~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [TestCase(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Block_KnownAnswers(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint x, uint y, uint z, uint w)
    {
        var block = CounterRandom.Block(((ulong)k1 << 32) | k0, ((ulong)c3 << 32) | c2, ((ulong)c1 << 32) | c0);
        Assert.That(block, Is.EqualTo((x, y, z, w)));
    }

    [Test]
    public void NextDouble_And_NextGaussian_HaveTheRightMoments()
    {
        var random = new CounterRandom(7, CounterRandom.Stream(1, 2));
        const int Count = 200_000;
        double sum = 0, sumGaussian = 0, squares = 0;
        for (int i = 0; i < Count; i++)
        {
            sum += random.NextDouble();
            double g = random.NextGaussian();
            sumGaussian += g;
            squares += g * g;
        }

        Assert.Multiple(() =>
        {
            // Five standard errors of each mean.
            Assert.That(sum / Count, Is.EqualTo(0.5).Within(5 * Math.Sqrt(1.0 / 12 / Count)));
            Assert.That(sumGaussian / Count, Is.EqualTo(0).Within(5 / Math.Sqrt(Count)));
            Assert.That(squares / Count, Is.EqualTo(1).Within(5 * Math.Sqrt(2.0 / Count)));
        });
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(7)]
    public void NextInt32_IsUniform(int upper)
    {
        var random = new CounterRandom(11, 3);
        var counts = new int[upper];
        for (int i = 0; i < 70_000; i++)
            counts[random.NextInt32(upper)]++;
        double expected = 70_000.0 / upper;
        Assert.That(counts, Has.All.EqualTo(expected).Within(5 * Math.Sqrt(expected)));
    }

    [Test]
    public void Shuffle_IsAPermutation_AndRepeats()
    {
        int[] a = [.. Enumerable.Range(0, 257)], b = [.. a];
        new CounterRandom(1, 1).Shuffle<int>(a);
        new CounterRandom(1, 1).Shuffle<int>(b);
        Assert.Multiple(() =>
        {
            Assert.That(a, Is.EqualTo(b));
            Assert.That(a, Is.Not.Ordered);
            Assert.That(a, Is.EquivalentTo(Enumerable.Range(0, 257)));
        });
    }
}
