using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Tests.Numerics.Kernels;

[TestFixtureSource(typeof(KernelVariants), nameof(KernelVariants.All))]
public unsafe class CombinationTests(string variant)
{
    private LatentKernels _kernels = null!;

    [SetUp]
    public void SetUp() => _kernels = KernelVariants.Get(variant);

    [TestCase(1, 1, 1)]
    [TestCase(3, 5, 7)]
    [TestCase(13, 33, 129)]
    [TestCase(12, 512, 128)]
    [TestCase(25, 1000, 48)]
    [TestCase(7, 513, 257)]
    public void Combine_IsTheSumOfSharesTimesRows(int points, int rows, int dimension)
    {
        Half[] data = TestData(rows * dimension, 1);
        int stride = LatentKernels.Pad(dimension), shareStride = rows + 3;
        using var pointers = new RowPointers(data, dimension);
        using var shares = Floats(points * shareStride, 2);
        using var mean = Floats(stride, 3);
        using var scratch = new GuardedFloats(LatentKernels.CombineScratchLength(points));
        using var sums = new GuardedFloats((nint)LatentKernels.CombinedRows(points) * stride);
        foreach (int times in (int[])[1, 2])
        {
            _kernels.Combine(shares.Pointer, shareStride, points, pointers.Pointer, rows, mean.Pointer, dimension, scratch.Pointer, sums.Pointer, stride, add: times == 2);
            for (int k = 0; k < points; k++)
            {
                for (int j = 0; j < stride; j++)
                {
                    double expected = 0, size = 0;
                    for (int i = 0; i < rows && j < dimension; i++)
                    {
                        double term = (double)shares.Pointer[(k * shareStride) + i] * ((double)data[(i * dimension) + j] - mean.Pointer[j]);
                        expected += times * term;
                        size += Math.Abs(term);
                    }

                    Assert.That(sums.Pointer[(k * stride) + j], Is.EqualTo(expected).Within((2e-6 * size) + 1e-12), $"{times} x: point {k}, column {j}");
                }
            }
        }
    }

    [Test]
    public void Pull_DividesByTheDistance_AndSumsBoth([Values(1, 17, 64, 513)] int rows)
    {
        const float Floor = 0.5f;
        int count = LatentKernels.Pad(rows);
        using var squared = Floats(count, 4);
        using var weights = Floats(count, 5);
        using var pulls = new GuardedFloats(count);
        double distances = 0, total = 0;
        for (int i = 0; i < count; i++)
        {
            squared.Pointer[i] = Math.Abs(squared.Pointer[i]);
            weights.Pointer[i] = i < rows ? Math.Abs(weights.Pointer[i]) : 0;
            double distance = Math.Max(Math.Sqrt(squared.Pointer[i]), Floor);
            distances += weights.Pointer[i] * ((squared.Pointer[i] / distance) + distance) / 2;
            total += weights.Pointer[i] / distance;
        }

        (double foundDistances, double foundTotal) = _kernels.Pull(squared.Pointer, weights.Pointer, Floor, pulls.Pointer, count);
        Assert.Multiple(() =>
        {
            Assert.That(foundDistances, Is.EqualTo(distances).Within(2e-6 * distances));
            Assert.That(foundTotal, Is.EqualTo(total).Within(2e-6 * total));
            for (int i = 0; i < count; i++)
                Assert.That(pulls.Pointer[i], Is.EqualTo(weights.Pointer[i] / Math.Max(Math.Sqrt(squared.Pointer[i]), Floor)).Within(1e-5));
        });
    }

    [Test]
    public void SumOfDistances_LeavesOutWhatIsRounding([Values(1, 17, 513)] int rows)
    {
        int count = LatentKernels.Pad(rows);
        using var squared = Floats(count, 6);
        using var weights = Floats(count, 7);
        double expected = 0;
        for (int i = 0; i < count; i++)
        {
            squared.Pointer[i] = Math.Abs(squared.Pointer[i]);
            weights.Pointer[i] = i < rows ? Math.Abs(weights.Pointer[i]) : 0;
            expected += squared.Pointer[i] < 0.25f ? 0 : weights.Pointer[i] * Math.Sqrt(squared.Pointer[i]);
        }

        Assert.That(_kernels.SumOfDistances(squared.Pointer, weights.Pointer, 0.25f, count), Is.EqualTo(expected).Within((2e-6 * expected) + 1e-12));
    }

    private static Half[] TestData(int count, uint seed)
    {
        var random = new CounterRandom(seed, 10);
        return [.. Enumerable.Range(0, count).Select(_ => (Half)random.NextGaussian())];
    }

    private static GuardedFloats Floats(int count, uint seed)
    {
        var random = new CounterRandom(seed, 11);
        return new GuardedFloats([.. Enumerable.Range(0, count).Select(_ => (float)random.NextGaussian())]);
    }
}
