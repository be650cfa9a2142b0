using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Tests.Numerics.Kernels;

[TestFixtureSource(typeof(KernelVariants), nameof(KernelVariants.All))]
public unsafe class ColumnTests(string variant)
{
    private LatentKernels _kernels = null!;

    [SetUp]
    public void SetUp() => _kernels = KernelVariants.Get(variant);

    [Test]
    public void NearestInColumns_FindsBestSecondAndLowestIndex([Values(1, 2, 3, 4, 5, 8, 11)] int centroids, [Values(1, 17, 64)] int rows)
    {
        int count = LatentKernels.Pad(rows), stride = count + 16;
        using var v = Small(centroids * stride, 1);
        using var slopes = Small(centroids, 2);
        using var norms = Small(centroids, 3);
        using var best = new GuardedFloats(count);
        using var second = new GuardedFloats(count);
        using var index = new GuardedFloats(count);
        _kernels.NearestInColumns(v.Pointer, stride, slopes.Pointer, norms.Pointer, centroids, best.Pointer, second.Pointer, index.Pointer, count);
        for (int i = 0; i < rows; i++)
        {
            // Small integers: every value is exact and many are equal.
            float[] values = [.. Enumerable.Range(0, centroids).Select(k => (slopes.Pointer[k] * v.Pointer[(k * stride) + i]) + norms.Pointer[k])];
            float[] sorted = [.. values.Order()];
            Assert.That(best.Pointer[i], Is.EqualTo(sorted[0]));
            Assert.That(index.Pointer[i], Is.EqualTo(Array.IndexOf(values, sorted[0])));
            Assert.That(second.Pointer[i], Is.EqualTo(centroids > 1 ? sorted[1] : float.PositiveInfinity));
        }
    }

    [Test]
    public void CheapestJoinInColumns_LeavesOutTheOwnCell([Values(1, 2, 3, 4, 7)] int centroids, [Values(1, 17, 64)] int rows)
    {
        int count = LatentKernels.Pad(rows), stride = count;
        using var v = Small(centroids * stride, 1);
        using var slopes = Small(centroids, 2);
        using var norms = Small(centroids, 3);
        using var factors = Small(centroids, 4);
        using var rowNorms = Small(count, 5);
        using var labels = new GuardedFloats(count);
        for (int i = 0; i < count; i++)
            labels.Pointer[i] = i % centroids;
        using var best = new GuardedFloats(count);
        using var index = new GuardedFloats(count);
        _kernels.CheapestJoinInColumns(
            v.Pointer, stride, slopes.Pointer, norms.Pointer, factors.Pointer, centroids, rowNorms.Pointer, labels.Pointer, best.Pointer, index.Pointer, count);
        for (int i = 0; i < rows; i++)
        {
            float[] costs = [.. Enumerable.Range(0, centroids).Select(k =>
                k == i % centroids ? float.PositiveInfinity : factors.Pointer[k] * (rowNorms.Pointer[i] + (slopes.Pointer[k] * v.Pointer[(k * stride) + i]) + norms.Pointer[k]))];
            Assert.That(best.Pointer[i], Is.EqualTo(costs.Min()));
            if (centroids > 1)
                Assert.That(index.Pointer[i], Is.EqualTo(Array.IndexOf(costs, costs.Min())));
        }
    }

    [Test]
    public void CheapestWeightedJoinInColumns_TakesTheWeightOfEachRow([Values(1, 2, 3, 7)] int centroids, [Values(1, 17, 64)] int rows)
    {
        int count = LatentKernels.Pad(rows), stride = count;
        using var v = Small(centroids * stride, 1);
        using var slopes = Small(centroids, 2);
        using var norms = Small(centroids, 3);
        using var masses = new GuardedFloats(centroids);
        using var weights = new GuardedFloats(count);
        using var rowNorms = Small(count, 5);
        using var labels = new GuardedFloats(count);
        for (int k = 0; k < centroids; k++)
            masses.Pointer[k] = k;
        for (int i = 0; i < count; i++)
        {
            labels.Pointer[i] = i % centroids;
            weights.Pointer[i] = i < rows ? 0.5f + (i % 3) : 0;
        }

        using var best = new GuardedFloats(count);
        using var index = new GuardedFloats(count);
        _kernels.CheapestWeightedJoinInColumns(
            v.Pointer, stride, slopes.Pointer, norms.Pointer, masses.Pointer, centroids, rowNorms.Pointer, weights.Pointer, labels.Pointer, best.Pointer, index.Pointer, count);
        for (int i = 0; i < rows; i++)
        {
            float[] costs = [.. Enumerable.Range(0, centroids).Select(k => k == i % centroids
                ? float.PositiveInfinity
                : k / (k + weights.Pointer[i]) * (rowNorms.Pointer[i] + (slopes.Pointer[k] * v.Pointer[(k * stride) + i]) + norms.Pointer[k]))];
            Assert.That(best.Pointer[i], Is.EqualTo(costs.Min()));
            if (centroids > 1)
                Assert.That(index.Pointer[i], Is.EqualTo(Array.IndexOf(costs, costs.Min())));
        }
    }

    [Test]
    public void DistancesInColumns_AreNeverNegative()
    {
        using var gram = Small(32, 6);
        using var norms = Small(32, 7);
        using var distances = new GuardedFloats(32);
        _kernels.DistancesInColumns(gram.Pointer, norms.Pointer, 3, distances.Pointer, 32);
        for (int i = 0; i < 32; i++)
            Assert.That(distances.Pointer[i], Is.EqualTo(Math.Max(0, norms.Pointer[i] + 3 - (2 * gram.Pointer[i]))));
    }

    // Integers from -4 to 4.
    private static GuardedFloats Small(int length, uint stream)
    {
        var random = new CounterRandom(8, stream);
        var values = new GuardedFloats(length);
        foreach (ref float value in values.Span)
            value = random.NextInt32(9) - 4;
        return values;
    }
}
