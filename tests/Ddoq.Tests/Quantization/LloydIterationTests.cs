using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

public class LloydIterationTests
{
    private static readonly QuantizationSpace[] Spaces = [QuantizationSpace.Gram, QuantizationSpace.Direct];

    [TestCase(9, 4, 3)]
    [TestCase(33, 7, 5)]
    [TestCase(129, 65, 10)]
    [TestCase(257, 520, 16)]
    public void GivenStart_FollowsTheReference(int rows, int dimension, int centroids)
    {
        Half[] data = TestRows.Gaussian(rows, dimension, seed: 3);
        float[] start = TestRows.FirstRows(data, dimension, centroids);
        (int[] labels, double distortion, int iterations) = ReferenceKMeans.Lloyd(ReferenceKMeans.ToDouble(data), start, dimension);
        foreach (QuantizationSpace space in Spaces)
        {
            ClassQuantization result = Fit(data, dimension, Given(start, centroids, space));
            Assert.Multiple(() =>
            {
                Assert.That(result.Labels, Is.EqualTo(labels), $"{space}");
                Assert.That(result.Distortion, Is.EqualTo(distortion).Within(1e-5 * distortion), $"{space}");
                Assert.That(result.IterationCount, Is.EqualTo(iterations), $"{space}");
            });
        }
    }

    [TestCaseSource(nameof(Spaces))]
    public void Distortion_NeverRises(QuantizationSpace space)
    {
        const int Dimension = 48;
        Half[] data = TestRows.Gaussian(300, Dimension, seed: 8);
        double last = double.PositiveInfinity;
        for (int iterations = 1; iterations < 30; iterations++)
        {
            double distortion = Fit(data, Dimension, new() { CentroidCount = 25, Algorithm = QuantizationAlgorithm.Lloyd, Space = space, MaxIterations = iterations }).Distortion;
            Assert.That(distortion, Is.LessThanOrEqualTo(last * (1 + 1e-6)), $"after {iterations} iterations");
            last = distortion;
        }

        double refined = Fit(data, Dimension, new() { CentroidCount = 25, Algorithm = QuantizationAlgorithm.Hartigan, Space = space }).Distortion;
        Assert.That(refined, Is.LessThan(last), "Hartigan's moves improve on Lloyd here");
    }

    // Hartigan's moves in direct space visit rows in order, so they are not invariant.
    [TestCase(QuantizationAlgorithm.Lloyd, QuantizationSpace.Gram)]
    [TestCase(QuantizationAlgorithm.Lloyd, QuantizationSpace.Direct)]
    [TestCase(QuantizationAlgorithm.Hartigan, QuantizationSpace.Gram)]
    public void GivenStart_LabelsFollowAPermutationOfTheRows(QuantizationAlgorithm algorithm, QuantizationSpace space)
    {
        const int Rows = 97, Dimension = 21, Centroids = 7;
        Half[] data = TestRows.Gaussian(Rows, Dimension, seed: 4);
        float[] start = TestRows.FirstRows(data, Dimension, Centroids);
        int[] order = [.. Enumerable.Range(0, Rows)];
        new Ddoq.Numerics.CounterRandom(5, 5).Shuffle<int>(order);
        Half[] shuffled = [.. order.SelectMany(row => data.AsSpan(row * Dimension, Dimension).ToArray())];
        QuantizerOptions options = Given(start, Centroids, space) with { Algorithm = algorithm };
        int[] labels = Fit(data, Dimension, options).Labels;
        Assert.That(Fit(shuffled, Dimension, options).Labels, Is.EqualTo(order.Select(row => labels[row])));
    }

    [TestCaseSource(nameof(Spaces))]
    public void Translation_MovesTheCentroids(QuantizationSpace space)
    {
        const int Dimension = 24, Centroids = 5;

        // Multiples of 1/16 stay exact in fp16 when 16 is added.
        Half[] data = [.. TestRows.Gaussian(80, Dimension, seed: 9).Select(value => (Half)(Math.Round((double)value * 16) / 16))];
        Half[] moved = [.. data.Select(value => value + (Half)16)];
        var options = new QuantizerOptions { CentroidCount = Centroids, Seed = 3, Space = space };
        ClassQuantization a = Fit(data, Dimension, options), b = Fit(moved, Dimension, options);
        Assert.Multiple(() =>
        {
            Assert.That(b.Labels, Is.EqualTo(a.Labels));
            Assert.That(b.Distortion, Is.EqualTo(a.Distortion).Within(1e-5 * a.Distortion));
            Assert.That(b.Centroids.Zip(a.Centroids, (y, x) => y - x), Is.All.EqualTo(16).Within(1e-4));
        });
    }

    [TestCaseSource(nameof(Spaces))]
    public void ExactTies_GoToTheLowestCentroid(QuantizationSpace space)
    {
        // Rows at -1, 0, 1 and the same again: 0 is as near to the centre at 1 as to the one at -1.
        Half[] data = [(Half)(-1), (Half)0, (Half)1, (Half)(-1), (Half)0, (Half)1];
        ClassQuantization result = Fit(data, 1, Given([1, -1], 2, space) with { MaxIterations = 1, Algorithm = QuantizationAlgorithm.Lloyd });
        Assert.That(result.Centroids, Is.EqualTo(new[] { 0.5f, -1f }), "both zeros joined centre 0");
    }

    [TestCaseSource(nameof(Spaces))]
    public void EmptyCell_TakesTheFarthestRow(QuantizationSpace space)
    {
        // The second centre starts far away from everything; the row at 10 is the farthest from the first.
        Half[] data = [(Half)0, (Half)1, (Half)2, (Half)10];
        ClassQuantization result = Fit(data, 1, Given([0, 1000], 2, space) with { Algorithm = QuantizationAlgorithm.Lloyd });
        Assert.That(result.Labels, Is.EqualTo(new[] { 0, 0, 0, 1 }));
        Assert.That(result.Centroids, Is.EqualTo(new[] { 1f, 10f }));
    }

    private static QuantizerOptions Given(float[] start, int centroids, QuantizationSpace space) => new()
    {
        CentroidCount = centroids,
        Algorithm = QuantizationAlgorithm.Lloyd,
        Space = space,
        Initialization = CentroidInitialization.Given,
        InitialCentroids = [start],
    };

    private static ClassQuantization Fit(Half[] data, int dimension, QuantizerOptions options)
    {
        using var quantizer = new CpuQuantizer();
        return quantizer.FitClass(new ArrayLatentSource(dimension, data), 0, options, default);
    }
}
