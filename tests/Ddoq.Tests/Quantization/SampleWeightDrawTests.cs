using Ddoq.Numerics.Kernels;
using Ddoq.Quantization;
using Ddoq.Quantization.Algorithms;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Tests.Quantization;

/// <summary>How often weighted rows are drawn, against the probabilities worked out by hand.</summary>
public class SampleWeightDrawTests
{
    private const int Rows = 6, Runs = 6000;
    private static readonly float[] Weights = [1, 2, 4, 0.5f, 3, 1.5f];
    private static readonly Half[] Values = [(Half)0, (Half)1, (Half)3, (Half)4.5, (Half)7, (Half)12];
    private static readonly double[] Shares = [.. Weights.Select(weight => weight / 12.0)];

    [Test]
    public void Clvq_DrawsByWeight([Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space)
    {
        // A centre on every row: it stays, and its wins are the row's draws.
        QuantizerOptions options = WeightedRows.FromFirstRows(Values, 1, Rows, QuantizationAlgorithm.Clvq, space) with { Passes = 2000 };
        ClassQuantization result = WeightedRows.Fit(Values, 1, Weights, options);
        AssertFrequencies([.. result.RunningCounts!.Select(count => (double)count)], Shares);
    }

    [Test]
    public void Clvq_CompanionWeightsTendToTheMasses([Values] bool counting)
    {
        Half[] rows = TestRows.Gaussian(400, 8, seed: 99, groups: 3, spread: 4);
        var options = new QuantizerOptions
        {
            CentroidCount = 3,
            Algorithm = QuantizationAlgorithm.Clvq,
            Passes = 60,
            ClvqSteps = counting ? ClvqStepRule.Counting : ClvqStepRule.Decaying(1, 20),
        };

        // Whole groups weigh more than others.
        float[] weights = [.. WeightedRows.Fit(rows, 8, null, options).Labels.Select((label, i) => (1 + (3 * label)) * (i % 2 == 0 ? 1f : 0.5f))];
        ClassQuantization result = WeightedRows.Fit(rows, 8, weights, options);
        double[] masses = [.. result.Masses!.Select(mass => mass / result.Masses!.Sum())];
        Assert.That(result.CompanionWeights!.Zip(masses, (w, m) => w - m), Is.All.EqualTo(0).Within(0.03), $"masses {string.Join(' ', masses)}");
        Assert.That(result.Counts.Zip(masses, (count, mass) => Math.Abs((count / 400.0) - mass)).Max(), Is.GreaterThan(0.1), "rows alone would be told from masses");
    }

    [Test]
    public void FirstCentre_IsDrawnByWeight([Values(CentroidInitialization.Random, CentroidInitialization.GreedyKMeansPlusPlus)] CentroidInitialization initialization)
    {
        double[] found = new double[Rows];
        foreach (int[] rows in Draw(initialization, 1))
            found[rows[0]]++;
        AssertFrequencies(found, Shares);
    }

    [Test]
    public void RandomCentres_AreDistinct_EachByWeightAmongThoseLeft()
    {
        double[] found = new double[Rows * Rows], expected = new double[Rows * Rows];
        foreach (int[] rows in Draw(CentroidInitialization.Random, 2))
            found[(rows[0] * Rows) + rows[1]]++;
        ForPairs((a, b) => expected[(a * Rows) + b] = Shares[a] * Shares[b] / (1 - Shares[a]));
        AssertFrequencies(found, expected);
    }

    [Test]
    public void GreedyCentres_AreDrawnByWeightedDistance()
    {
        // With K = 2 there are two candidates for the second centre.
        double[] found = new double[Rows * Rows], expected = new double[Rows * Rows];
        foreach (int[] rows in Draw(CentroidInitialization.GreedyKMeansPlusPlus, 2))
            found[(rows[0] * Rows) + rows[1]]++;
        for (int a = 0; a < Rows; a++)
        {
            double[] potentials = [.. Enumerable.Range(0, Rows).Select(b => Enumerable.Range(0, Rows).Sum(i => Weights[i] * Math.Min(Distance(i, a), Distance(i, b))))];
            double[] draws = [.. Enumerable.Range(0, Rows).Select(i => Weights[i] * Distance(i, a))];
            ForPairs((b, c) => expected[(a * Rows) + (potentials[c] < potentials[b] ? c : b)] += Shares[a] * draws[b] * draws[c] / Math.Pow(draws.Sum(), 2), withEqual: true);
        }

        AssertFrequencies(found, expected);
    }

    private static double Distance(int a, int b) => Math.Pow((double)Values[a] - (double)Values[b], 2);

    private static void ForPairs(Action<int, int> use, bool withEqual = false)
    {
        for (int a = 0; a < Rows; a++)
        {
            for (int b = 0; b < Rows; b++)
            {
                if (a != b || withEqual)
                    use(a, b);
            }
        }
    }

    // The rows that the first centres are on, of many restarts.
    private static unsafe List<int[]> Draw(CentroidInitialization initialization, int centroids)
    {
        var drawn = new List<int[]>();
        using var rows = new ClassRows();
        using var space = new DirectSpace(KernelTable.Default);
        using var context = new FitContext(KernelTable.Default);
        int[] nearest = new int[Rows];
        float[] distances = new float[Rows];
        fixed (Half* values = Values)
        {
            rows.Reset(Rows, 1, isWeighted: true);
            for (int i = 0; i < Rows; i++)
                rows.Add(values + i, Weights[i]);
            rows.ComputeMean(KernelTable.Default);
            for (int run = 0; run < Runs; run++)
            {
                space.Reset(rows, centroids);
                context.Reset(space, new() { CentroidCount = centroids, Initialization = initialization }, 0, run, default);
                FirstCentroids.Place(context, Rows);
                space.Assign(nearest, distances);
                drawn.Add([.. Enumerable.Range(0, centroids).Select(k => Enumerable.Range(0, Rows).Single(i => nearest[i] == k && distances[i] < 1e-3))]);
            }
        }

        return drawn;
    }

    // Pearson's chi-square; draws that cannot be must not be. The limit is its mean plus five standard deviations.
    private static void AssertFrequencies(double[] found, double[] probabilities)
    {
        double total = found.Sum(), statistic = 0;
        int cells = 0;
        for (int i = 0; i < found.Length; i++)
        {
            double expected = total * probabilities[i];
            if (expected == 0)
            {
                Assert.That(found[i], Is.Zero, $"outcome {i}");
                continue;
            }

            statistic += Math.Pow(found[i] - expected, 2) / expected;
            cells++;
        }

        Assert.That(probabilities.Sum(), Is.EqualTo(1).Within(1e-9));
        Assert.That(statistic, Is.LessThan(cells - 1 + (5 * Math.Sqrt(2.0 * (cells - 1)))), $"found {string.Join(' ', found)}");
    }
}
