using Ddoq.Numerics;
using Ddoq.Numerics.Kernels;

namespace Ddoq.Tests.Numerics.Kernels;

/// <summary>Scores and Gram matrix of every variant against fp64, with the error bound: twice that of plain fp32 code.</summary>
[TestFixtureSource(typeof(KernelVariants), nameof(KernelVariants.All))]
public unsafe class MatrixTests(string variant)
{
    private static readonly (int Rows, int Dimension, int Centroids)[] Shapes =
    [
        (1, 1, 1), (2, 3, 2), (3, 7, 3), (7, 8, 4), (8, 9, 5), (9, 15, 6), (12, 16, 7), (13, 17, 10), (31, 31, 11), (32, 32, 16), (33, 33, 31),
        (48, 127, 33), (47, 128, 47), (5, 129, 48), (11, 443, 49), (25, 511, 64), (24, 512, 65), (23, 513, 97), (6, 1000, 200), (19, 1025, 50), (48, 1040, 10),
    ];

    private LatentKernels _kernels = null!;

    [SetUp]
    public void SetUp() => _kernels = KernelVariants.Get(variant);

    [TestCaseSource(nameof(Shapes))]
    public void Scores_AgreeWithFp64((int Rows, int Dimension, int Centroids) shape)
    {
        (int count, int dimension, int centroids) = shape;
        Half[] values = Rows(count, dimension);
        int stride = LatentKernels.Pad(dimension);
        float[] centroidValues = new float[centroids * stride];
        for (int k = 0; k < centroids; k++)
            new CounterRandom(3, (ulong)k).FillGaussian(centroidValues.AsSpan(k * stride, dimension));
        using var rows = new RowPointers(values, dimension);
        using var mean = new GuardedFloats(Mean(dimension));
        using var table = new GuardedFloats(centroidValues);
        using var panels = new GuardedFloats(_kernels.PanelLength(centroids, dimension));
        using var scratch = new GuardedFloats(LatentKernels.ScoreScratchLength);
        int scoreStride = _kernels.ScoreStride(centroids);
        using var scores = new GuardedFloats((nint)LatentKernels.RowsPerBlock * scoreStride);
        _kernels.Pack(table.Pointer, stride, centroids, dimension, panels.Pointer);
        _kernels.Scores(rows.Pointer, count, mean.Pointer, dimension, panels.Pointer, centroids, scratch.Pointer, scores.Pointer);

        float[] centred = Centred(values, mean.Span);
        double worst = 0, naive = 0, scale = 0;
        for (int i = 0; i < count; i++)
        {
            for (int k = 0; k < centroids; k++)
            {
                (double exact, float plain) = Product(centred.AsSpan(i * dimension, dimension), table.Span.Slice(k * stride, dimension));
                worst = Math.Max(worst, Math.Abs(scores.Pointer[(i * scoreStride) + k] - exact));
                naive = Math.Max(naive, Math.Abs(plain - exact));
                scale = Math.Max(scale, Math.Abs(exact));
            }
        }

        Assert.That(worst, Is.LessThanOrEqualTo((2 * naive) + (1e-6 * scale)), $"naive fp32 error {naive}");
    }

    [Test]
    public void Scores_OfEqualCentroids_AreEqual_WhereverTheyStand([Values(10, 33, 48, 50, 130)] int centroids)
    {
        const int Dimension = 530, Count = 13;
        int stride = LatentKernels.Pad(Dimension);
        float[] one = new float[stride];
        new CounterRandom(3, 1).FillGaussian(one.AsSpan(0, Dimension));
        using var rows = new RowPointers([.. Enumerable.Repeat(Rows(1, Dimension), Count).SelectMany(row => row)], Dimension);
        using var mean = new GuardedFloats(Mean(Dimension));
        using var table = new GuardedFloats([.. Enumerable.Repeat(one, centroids).SelectMany(value => value)]);
        using var panels = new GuardedFloats(_kernels.PanelLength(centroids, Dimension));
        using var scratch = new GuardedFloats(LatentKernels.ScoreScratchLength);
        int scoreStride = _kernels.ScoreStride(centroids);
        using var scores = new GuardedFloats((nint)LatentKernels.RowsPerBlock * scoreStride);
        _kernels.Pack(table.Pointer, stride, centroids, Dimension, panels.Pointer);
        _kernels.Scores(rows.Pointer, Count, mean.Pointer, Dimension, panels.Pointer, centroids, scratch.Pointer, scores.Pointer);
        for (int i = 0; i < Count; i++)
            Assert.That(scores.Span.Slice(i * scoreStride, centroids).ToArray(), Is.All.EqualTo(scores.Pointer[0]));
    }

    [TestCaseSource(nameof(Shapes))]
    public void Gram_AgreesWithFp64_AndIsSymmetric((int Rows, int Dimension, int Centroids) shape)
    {
        int count = Math.Max(shape.Rows, shape.Centroids), dimension = shape.Dimension;
        Half[] values = Rows(count, dimension);

        // The last row equals the first.
        values.AsSpan(0, dimension).CopyTo(values.AsSpan((count - 1) * dimension));
        using var rows = new RowPointers(values, dimension);
        using var mean = new GuardedFloats(Mean(dimension));
        using var scratch = new GuardedFloats(_kernels.GramScratchLength(count));
        using var gram = new GuardedFloats(_kernels.GramLength(count));
        int stride = _kernels.GramStride(count);
        _kernels.Gram(rows.Pointer, count, mean.Pointer, dimension, scratch.Pointer, gram.Pointer);
        float[] centred = Centred(values, mean.Span);
        double worst = 0, naive = 0, scale = 0;
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < count; j++)
            {
                (double exact, float plain) = Product(centred.AsSpan(i * dimension, dimension), centred.AsSpan(j * dimension, dimension));
                worst = Math.Max(worst, Math.Abs(gram.Pointer[(i * stride) + j] - exact));
                naive = Math.Max(naive, Math.Abs(plain - exact));
                scale = Math.Max(scale, Math.Abs(exact));
                Assert.That(gram.Pointer[(i * stride) + j], Is.EqualTo(gram.Pointer[(j * stride) + i]), $"({i}, {j})");
            }

            Assert.That(new Span<float>(gram.Pointer + (i * stride) + count, LatentKernels.Pad(count) - count).ToArray(), Is.All.Zero, "padding");
        }

        float[] first = new Span<float>(gram.Pointer, count).ToArray(), last = new Span<float>(gram.Pointer + ((count - 1) * stride), count).ToArray();
        Assert.Multiple(() =>
        {
            Assert.That(worst, Is.LessThanOrEqualTo((2 * naive) + (1e-6 * scale)), $"naive fp32 error {naive}");
            Assert.That(last, Is.EqualTo(first), "equal rows, equal entries");
        });
    }

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(16)]
    [TestCase(33)]
    [TestCase(200)]
    public void Nearest_TakesTheLowestAmongEquals(int centroids)
    {
        int stride = _kernels.ScoreStride(centroids);
        using var norms = new GuardedFloats(stride);
        using var scores = new GuardedFloats(stride);
        for (int target = 0; target < centroids; target++)
        {
            norms.Span.Fill(float.PositiveInfinity);
            scores.Span.Fill(float.NaN);
            norms.Span[..centroids].Fill(5);
            scores.Span[..centroids].Fill(1);
            scores.Span[target..centroids].Fill(2);
            Assert.That(_kernels.Nearest(scores.Pointer, norms.Pointer, stride, out float distance), Is.EqualTo(target));
            Assert.That(distance, Is.EqualTo(1f));
        }
    }

    private static (double Exact, float Plain) Product(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        double exact = 0;
        float plain = 0;
        for (int j = 0; j < x.Length; j++)
        {
            exact += (double)x[j] * y[j];
            plain += x[j] * y[j];
        }

        return (exact, plain);
    }

    private static float[] Centred(Half[] values, Span<float> mean)
    {
        float[] centred = new float[values.Length];
        for (int i = 0; i < values.Length; i++)
            centred[i] = (float)values[i] - mean[i % mean.Length];
        return centred;
    }

    private static Half[] Rows(int count, int dimension)
    {
        var random = new CounterRandom(2, (ulong)(count + (1000 * dimension)));
        return [.. Enumerable.Range(0, count * dimension).Select(_ => (Half)(0.3 + random.NextGaussian()))];
    }

    private static float[] Mean(int dimension) => [.. Enumerable.Range(0, dimension).Select(j => (float)(Half)(0.3 + (0.01 * (j % 5))))];
}
