using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

public class HartiganTests
{
    private static readonly QuantizationSpace[] Spaces = [QuantizationSpace.Gram, QuantizationSpace.Direct];

    [TestCaseSource(nameof(Spaces))]
    public void Result_CannotBeImprovedByMovingOneRow(QuantizationSpace space)
    {
        const int Dimension = 30, Rows = 140, Centroids = 20;
        Half[] data = TestRows.Gaussian(Rows, Dimension, seed: 50);
        ClassQuantization result = Fit(data, Dimension, new() { CentroidCount = Centroids, Space = space });
        double[] exact = ReferenceKMeans.ToDouble(data);
        for (int i = 0; i < Rows; i++)
        {
            int from = result.Labels[i];
            long size = result.Counts[from];
            if (size == 1)
                continue;
            double leave = size / (size - 1.0) * ReferenceKMeans.SquaredDistance(exact, i, result.Centroids, from, Dimension);
            for (int k = 0; k < Centroids; k++)
            {
                double join = result.Counts[k] / (result.Counts[k] + 1.0) * ReferenceKMeans.SquaredDistance(exact, i, result.Centroids, k, Dimension);
                Assert.That(k == from || leave <= join * (1 + 1e-5), $"row {i} gains {leave - join} by moving from {from} to {k}");
            }
        }
    }

    [TestCase(60, 8)]
    [TestCase(140, 20)]
    [TestCase(140, 70)]
    public void GramRounds_FollowTheRule(int rows, int centroids)
    {
        const int Dimension = 30;
        Half[] data = TestRows.Gaussian(rows, Dimension, seed: 54);
        float[] start = TestRows.FirstRows(data, Dimension, centroids);
        var options = new QuantizerOptions
        {
            CentroidCount = centroids,
            Space = QuantizationSpace.Gram,
            Initialization = CentroidInitialization.Given,
            InitialCentroids = [start],
        };
        double[] exact = ReferenceKMeans.ToDouble(data);
        int[] labels = ReferenceKMeans.Lloyd(exact, start, Dimension).Labels;
        int moves = HartiganRounds.Run(exact, Dimension, labels, centroids);
        ClassQuantization result = Fit(data, Dimension, options);
        Assert.Multiple(() =>
        {
            Assert.That(moves, Is.GreaterThan(2), "the case has to exercise the rule");
            Assert.That(result.MoveCount, Is.EqualTo(moves));
            Assert.That(result.Labels, Is.EqualTo(labels));
        });
    }

    [TestCaseSource(nameof(Spaces))]
    public void Centroids_AreTheMeansOfTheirCells(QuantizationSpace space)
    {
        const int Dimension = 30, Centroids = 12;
        Half[] data = TestRows.Gaussian(100, Dimension, seed: 51);
        ClassQuantization result = Fit(data, Dimension, new() { CentroidCount = Centroids, Space = space });
        double[] means = new double[Centroids * Dimension];
        for (int i = 0; i < 100; i++)
        {
            for (int j = 0; j < Dimension; j++)
                means[(result.Labels[i] * Dimension) + j] += (double)data[(i * Dimension) + j] / result.Counts[result.Labels[i]];
        }

        Assert.That(result.Centroids.Zip(means, (x, y) => x - y), Is.All.EqualTo(0).Within(1e-5));
    }

    [Test]
    public void Spaces_Agree([Values(10, 60)] int centroids)
    {
        // Equal starts lead both orders of moves to optima of nearly the same value.
        const int Dimension = 200;
        Half[] data = TestRows.Gaussian(400, Dimension, seed: 52);
        double gram = Fit(data, Dimension, new() { CentroidCount = centroids, Space = QuantizationSpace.Gram }).Distortion;
        double direct = Fit(data, Dimension, new() { CentroidCount = centroids, Space = QuantizationSpace.Direct }).Distortion;
        Assert.That(gram, Is.EqualTo(direct).Within(0.01 * direct));
    }

    [Test]
    public void GramAndDirect_TakeTheSameWay_WithoutMoves(
        [Values(QuantizationAlgorithm.D4m, QuantizationAlgorithm.Clvq, QuantizationAlgorithm.MiniBatch, QuantizationAlgorithm.Lloyd)] QuantizationAlgorithm algorithm)
    {
        const int Dimension = 300;
        Half[] data = TestRows.Gaussian(250, Dimension, seed: 53);
        var options = new QuantizerOptions { CentroidCount = 18, Algorithm = algorithm, Seed = 6, Passes = 3, BatchSize = 50 };
        ClassQuantization gram = Fit(data, Dimension, options with { Space = QuantizationSpace.Gram });
        ClassQuantization direct = Fit(data, Dimension, options with { Space = QuantizationSpace.Direct });
        Assert.Multiple(() =>
        {
            Assert.That(gram.Space, Is.EqualTo(QuantizationSpace.Gram));
            Assert.That(direct.Space, Is.EqualTo(QuantizationSpace.Direct));
            Assert.That(gram.Labels, Is.EqualTo(direct.Labels));
            Assert.That(gram.IterationCount, Is.EqualTo(direct.IterationCount));
            Assert.That(gram.RunningCounts, Is.EqualTo(direct.RunningCounts));
            Assert.That(gram.Distortion, Is.EqualTo(direct.Distortion).Within(1e-5 * direct.Distortion));
            Assert.That(gram.Centroids.Zip(direct.Centroids, (x, y) => x - y), Is.All.EqualTo(0).Within(1e-4));
        });
    }

    private static ClassQuantization Fit(Half[] data, int dimension, QuantizerOptions options)
    {
        using var quantizer = new CpuQuantizer();
        return quantizer.FitClass(new ArrayLatentSource(dimension, data), 0, options, default);
    }
}
