using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>Weighted algorithms against their definitions in fp64.</summary>
public class SampleWeightReferenceTests
{
    private static readonly QuantizationSpace[] Spaces = [QuantizationSpace.Gram, QuantizationSpace.Direct];

    [TestCase(33, 7, 5)]
    [TestCase(129, 65, 10)]
    [TestCase(257, 520, 16)]
    public void Lloyd_FollowsTheReference(int rows, int dimension, int centroids)
    {
        Half[] data = TestRows.Gaussian(rows, dimension, seed: 93);
        float[] weights = WeightedRows.Spread(rows, 20);
        (int[] labels, int iterations) = WeightedRows.Lloyd(ReferenceKMeans.ToDouble(data), dimension, weights, TestRows.FirstRows(data, dimension, centroids));
        foreach (QuantizationSpace space in Spaces)
        {
            ClassQuantization result = WeightedRows.Fit(data, dimension, weights, WeightedRows.FromFirstRows(data, dimension, centroids, QuantizationAlgorithm.Lloyd, space));
            Assert.That(result.Labels, Is.EqualTo(labels), $"{space}");
            Assert.That(result.IterationCount, Is.EqualTo(iterations), $"{space}");
        }
    }

    [TestCaseSource(nameof(Spaces))]
    public void EmptyCell_TakesTheRowOfTheLargestWeightedDistance(QuantizationSpace space)
    {
        // The third centre starts far away; 10 is farther from the first, but 8 weighs more.
        Half[] data = [(Half)0, (Half)1, (Half)2, (Half)8, (Half)(-10)];
        QuantizerOptions options = WeightedRows.FromFirstRows(data, 1, 2, QuantizationAlgorithm.Lloyd, space) with { InitialCentroids = [[0, 1000]], MaxIterations = 1 };
        Assert.Multiple(() =>
        {
            Assert.That(WeightedRows.Fit(data, 1, [1, 1, 1, 3, 1], options).Centroids[1], Is.EqualTo(8));
            Assert.That(WeightedRows.Fit(data, 1, [1, 1, 1, 1.5f, 1], options).Centroids[1], Is.EqualTo(-10));
        });
    }

    [TestCase(60, 8)]
    [TestCase(140, 20)]
    [TestCase(140, 70)]
    public void HartiganRounds_FollowTheRule(int rows, int centroids)
    {
        const int Dimension = 30;
        Half[] data = TestRows.Gaussian(rows, Dimension, seed: 94);
        float[] weights = WeightedRows.Spread(rows, 21);
        double[] exact = ReferenceKMeans.ToDouble(data);
        int[] labels = WeightedRows.Lloyd(exact, Dimension, weights, TestRows.FirstRows(data, Dimension, centroids)).Labels;
        int moves = WeightedRows.Hartigan(exact, Dimension, weights, labels, centroids);
        ClassQuantization result = WeightedRows.Fit(data, Dimension, weights, WeightedRows.FromFirstRows(data, Dimension, centroids, QuantizationAlgorithm.Hartigan, QuantizationSpace.Gram));
        Assert.Multiple(() =>
        {
            Assert.That(moves, Is.GreaterThan(2), "the case has to exercise the rule");
            Assert.That(result.MoveCount, Is.EqualTo(moves));
            Assert.That(result.Labels, Is.EqualTo(labels));
        });
    }

    [Test]
    public void Hartigan_CannotBeImprovedByMovingOneRow([ValueSource(nameof(Spaces))] QuantizationSpace space, [Values(12, 30)] int centroids)
    {
        const int Dimension = 30, Rows = 140;
        Half[] data = TestRows.Gaussian(Rows, Dimension, seed: 95);
        float[] weights = WeightedRows.Spread(Rows, 22);
        ClassQuantization result = WeightedRows.Fit(data, Dimension, weights, new() { CentroidCount = centroids, Space = space });
        double[] exact = ReferenceKMeans.ToDouble(data), masses = result.Masses!;
        Assert.That(result.MoveCount, Is.Positive);
        for (int i = 0; i < Rows; i++)
        {
            int from = result.Labels[i];
            double weight = weights[i], rest = masses[from] - weight;
            if (result.Counts[from] == 1)
                continue;
            double leave = masses[from] / rest * ReferenceKMeans.SquaredDistance(exact, i, result.Centroids, from, Dimension);
            for (int k = 0; k < centroids; k++)
            {
                double join = masses[k] / (masses[k] + weight) * ReferenceKMeans.SquaredDistance(exact, i, result.Centroids, k, Dimension);
                Assert.That(k == from || leave <= join * (1 + 1e-5), $"row {i} gains {leave - join} by moving from {from} to {k}");
            }
        }
    }

    [Test]
    public void D4m_IsTheWeightedRunningMean([ValueSource(nameof(Spaces))] QuantizationSpace space, [Values(1, 4)] int kmExpand)
    {
        const int Dimension = 20, Rows = 100, Centroids = 5;
        Half[] data = TestRows.Gaussian(Rows, Dimension, seed: 96);
        float[] weights = WeightedRows.Spread(Rows, 23);
        double[] exact = ReferenceKMeans.ToDouble(data), counts = new double[Centroids];
        double[] centres = [.. TestRows.FirstRows(data, Dimension, Centroids).Select(value => (double)value)];
        int size = kmExpand * Centroids;
        for (int first = 0; first + size <= Rows; first += size)
            WeightedRows.Absorb(exact, Dimension, weights, [.. Enumerable.Range(first, size)], centres, counts);

        QuantizerOptions options = WeightedRows.FromFirstRows(data, Dimension, Centroids, QuantizationAlgorithm.D4m, space) with { KmExpand = kmExpand, ReassignmentRatio = 0 };
        ClassQuantization result = WeightedRows.Fit(data, Dimension, weights, options);
        Assert.Multiple(() =>
        {
            Assert.That(result.Centroids.Zip(centres, (x, y) => x - y), Is.All.EqualTo(0).Within(1e-5));
            Assert.That(result.RunningMasses, Is.EqualTo(counts).Within(1e-6));
            Assert.That(result.RunningCounts, Is.Null);
        });
    }

    [TestCase(3)]
    [TestCase(10)]
    public void MiniBatch_StopsByTheWeightedDistortion(int patience)
    {
        const int Dimension = 20, Rows = 100, Centroids = 5, Size = 16;
        const ulong Seed = 17;
        Half[] data = TestRows.Gaussian(Rows, Dimension, seed: 98);
        float[] weights = WeightedRows.Spread(Rows, 25);
        double[] exact = ReferenceKMeans.ToDouble(data);
        (double[] centres, int batches) = WeightedRows.MiniBatch(
            exact, Dimension, weights, TestRows.FirstRows(data, Dimension, Centroids), Size, patience, new CounterRandom(Seed, RandomStreams.Of(0, RandomPurpose.Sampling, 0)));
        Assert.That(
            WeightedRows.MiniBatch(exact, Dimension, [.. weights.Select(_ => 1f)], TestRows.FirstRows(data, Dimension, Centroids), Size, patience, new CounterRandom(Seed, RandomStreams.Of(0, RandomPurpose.Sampling, 0))).Batches,
            Is.Not.EqualTo(batches),
            "the weights have to decide");
        foreach (QuantizationSpace space in Spaces)
        {
            QuantizerOptions options = WeightedRows.FromFirstRows(data, Dimension, Centroids, QuantizationAlgorithm.MiniBatch, space) with
            {
                BatchSize = Size,
                MaxNoImprovement = patience,
                ReassignmentRatio = 0,
                Seed = Seed,
            };
            ClassQuantization result = WeightedRows.Fit(data, Dimension, weights, options);
            Assert.That(result.IterationCount, Is.EqualTo(batches), $"{space}");
            Assert.That(result.Centroids.Zip(centres, (x, y) => x - y), Is.All.EqualTo(0).Within(1e-5), $"{space}");
        }
    }

    [Test]
    public void Clvq_FollowsAlgorithm2_OnDrawsByWeight([ValueSource(nameof(Spaces))] QuantizationSpace space)
    {
        const int Dimension = 20, Rows = 60, Centroids = 5, Passes = 5;
        const ulong Seed = 13;
        Half[] data = TestRows.Gaussian(Rows, Dimension, seed: 97);
        float[] weights = WeightedRows.Spread(Rows, 24);
        double[] exact = ReferenceKMeans.ToDouble(data);
        double[] centres = [.. TestRows.FirstRows(data, Dimension, Centroids).Select(value => (double)value)];
        double total = weights.Sum(weight => (double)weight);
        long[] wins = new long[Centroids];
        for (int t = 0; t < Rows * Passes; t++)
        {
            (uint x, uint y, _, _) = CounterRandom.Block(Seed, RandomStreams.Of(0, RandomPurpose.Sampling, 0), (ulong)t);
            double left = total * ((((ulong)x >> 5 << 26) + (y >> 6)) / Math.Pow(2, 53));
            int row = 0;
            while (left >= weights[row])
                left -= weights[row++];
            int winner = WeightedRows.Nearest(exact, row, centres, Dimension);
            wins[winner]++;
            for (int j = 0; j < Dimension; j++)
                centres[(winner * Dimension) + j] += (exact[(row * Dimension) + j] - centres[(winner * Dimension) + j]) / (wins[winner] + 1);
        }

        QuantizerOptions options = WeightedRows.FromFirstRows(data, Dimension, Centroids, QuantizationAlgorithm.Clvq, space) with { Passes = Passes, Seed = Seed };
        ClassQuantization result = WeightedRows.Fit(data, Dimension, weights, options);
        Assert.Multiple(() =>
        {
            Assert.That(result.RunningCounts, Is.EqualTo(wins), "draws, not weights");
            Assert.That(result.RunningMasses, Is.Null);
            Assert.That(result.Centroids.Zip(centres, (x, y) => x - y), Is.All.EqualTo(0).Within(1e-4));
        });
    }
}
