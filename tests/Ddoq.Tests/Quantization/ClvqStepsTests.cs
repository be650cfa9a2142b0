using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

public class ClvqStepsTests
{
    private const int Rows = 60, Dimension = 20, Centroids = 5, Passes = 7;
    private const ulong Seed = 13;

    private static readonly ClvqStepRule[] Rules = [ClvqStepRule.Counting, ClvqStepRule.Decaying(1, 10), ClvqStepRule.Decaying(0.5, 0)];

    [Test]
    public void Steps_FollowAlgorithm2([ValueSource(nameof(Rules))] ClvqStepRule rule, [Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space)
    {
        Half[] rows = TestRows.Gaussian(Rows, Dimension, seed: 40);

        // Not rows: the Gram space has to carry what is left of the given points.
        float[] start = TestRows.FirstRows(TestRows.Gaussian(Centroids, Dimension, seed: 41), Dimension, Centroids);
        (double[] centres, double[] companion, long[] wins) = Reference(rows, start, rule);
        using var quantizer = new CpuQuantizer();
        ClassQuantization result = quantizer.FitClass(
            new ArrayLatentSource(Dimension, rows),
            0,
            new()
            {
                CentroidCount = Centroids,
                Algorithm = QuantizationAlgorithm.Clvq,
                ClvqSteps = rule,
                Passes = Passes,
                Seed = Seed,
                Space = space,
                Initialization = CentroidInitialization.Given,
                InitialCentroids = [start],
            },
            default);
        Assert.Multiple(() =>
        {
            Assert.That(result.RunningCounts, Is.EqualTo(wins));
            Assert.That(result.IterationCount, Is.EqualTo(Rows * Passes));
            Assert.That(result.Centroids.Zip(centres, (x, y) => x - y), Is.All.EqualTo(0).Within(1e-4));
            Assert.That(result.CompanionWeights!.Zip(companion, (x, y) => x - y), Is.All.EqualTo(0).Within(1e-12));
            Assert.That(result.CompanionWeights!.Sum(), Is.EqualTo(1).Within(1e-12));
        });
    }

    [Test]
    public void CompanionWeights_TendToTheMasses([Values] bool counting)
    {
        Half[] rows = TestRows.Gaussian(400, 8, seed: 42, groups: 3, spread: 4);
        using var quantizer = new CpuQuantizer();
        ClassQuantization result = quantizer.FitClass(
            new ArrayLatentSource(8, rows),
            0,
            new() { CentroidCount = 3, Algorithm = QuantizationAlgorithm.Clvq, Passes = 60, ClvqSteps = counting ? ClvqStepRule.Counting : ClvqStepRule.Decaying(1, 20) },
            default);
        double[] masses = [.. result.Counts.Select(count => count / 400.0)];
        Assert.That(result.CompanionWeights!.Zip(masses, (w, m) => w - m), Is.All.EqualTo(0).Within(0.03), $"masses {string.Join(' ', masses)}");
    }

    // Algorithm 2 written out in fp64, on the quantiser's own draws.
    private static (double[] Centres, double[] Companion, long[] Wins) Reference(Half[] rows, float[] start, ClvqStepRule rule)
    {
        double[] centres = [.. start.Select(value => (double)value)];
        double[] companion = [.. Enumerable.Repeat(1.0 / Centroids, Centroids)];
        long[] wins = new long[Centroids];
        ulong stream = RandomStreams.Of(0, RandomPurpose.Sampling, 0);
        for (int t = 0; t < Rows * Passes; t++)
        {
            int row = (int)(((ulong)CounterRandom.Block(Seed, stream, (ulong)t).X * Rows) >> 32);
            int winner = 0;
            double best = double.PositiveInfinity;
            for (int k = 0; k < Centroids; k++)
            {
                double distance = 0;
                for (int j = 0; j < Dimension; j++)
                    distance += Math.Pow((double)rows[(row * Dimension) + j] - centres[(k * Dimension) + j], 2);
                if (distance < best)
                {
                    best = distance;
                    winner = k;
                }
            }

            wins[winner]++;
            double rate = rule.IsCounting ? 1.0 / (wins[winner] + 1) : rule.Scale / (rule.Offset + t + 1);
            double companionRate = rule.IsCounting ? 1.0 / (Centroids + t + 1) : rate;
            for (int j = 0; j < Dimension; j++)
                centres[(winner * Dimension) + j] += rate * ((double)rows[(row * Dimension) + j] - centres[(winner * Dimension) + j]);
            for (int k = 0; k < Centroids; k++)
                companion[k] = ((1 - companionRate) * companion[k]) + (k == winner ? companionRate : 0);
        }

        return (centres, companion, wins);
    }
}
