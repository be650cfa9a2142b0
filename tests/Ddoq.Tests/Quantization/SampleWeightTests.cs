using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>What weights of rows mean, whatever the algorithm.</summary>
public class SampleWeightTests
{
    private const int Rows = 120, Dimension = 24, Centroids = 7;
    private static readonly QuantizationSpace[] Spaces = [QuantizationSpace.Gram, QuantizationSpace.Direct];
    private readonly Half[] _rows = TestRows.Gaussian(Rows, Dimension, seed: 90);

    [Test]
    public void WholeWeights_AreRepeatedRows_Lloyd([ValueSource(nameof(Spaces))] QuantizationSpace space, [Values(91u, 92u, 93u)] uint seed)
    {
        Half[] rows = TestRows.Gaussian(Rows, Dimension, seed);
        AssertSameAsRepeated(rows, WeightedRows.Whole(Rows, seed), WeightedRows.FromFirstRows(rows, Dimension, Centroids, QuantizationAlgorithm.Lloyd, space));
    }

    [Test]
    public void WholeWeights_AreRepeatedRows_Hartigan([ValueSource(nameof(Spaces))] QuantizationSpace space, [Values(91u, 92u, 93u)] uint seed)
    {
        // Copies move one by one, a row as a whole: from an arbitrary start they may end in different optima. But no copy can
        // gain where the row as a whole cannot: leaving saves less and joining costs more. So the weighted optimum, given as
        // the start, is the end of both.
        Half[] rows = TestRows.Gaussian(Rows, Dimension, seed);
        float[] weights = WeightedRows.Whole(Rows, seed);
        QuantizerOptions options = WeightedRows.FromFirstRows(rows, Dimension, Centroids, QuantizationAlgorithm.Hartigan, space);
        ClassQuantization optimum = WeightedRows.Fit(rows, Dimension, weights, options);
        ClassQuantization repeated = AssertSameAsRepeated(rows, weights, options with { InitialCentroids = [optimum.Centroids] });
        Assert.Multiple(() =>
        {
            Assert.That(optimum.MoveCount, Is.Positive, "the case has to exercise the rule");
            Assert.That(repeated.MoveCount, Is.Zero);
            Assert.That(repeated.Distortion, Is.EqualTo(optimum.Distortion).Within(1e-5 * optimum.Distortion));
        });
    }

    [Test]
    public void EqualWeights_ChangeNoBit([Values] QuantizationAlgorithm algorithm, [ValueSource(nameof(Spaces))] QuantizationSpace space, [Values(1f, 2.5f)] float weight)
    {
        var options = new QuantizerOptions { CentroidCount = Centroids, Algorithm = algorithm, Space = space, HoldOutFraction = 0.1, Restarts = 2, BatchSize = 30 };
        ClassQuantization without = WeightedRows.Fit(_rows, Dimension, null, options);
        ClassQuantization with = WeightedRows.Fit(_rows, Dimension, [.. Enumerable.Repeat(weight, Rows)], options);
        Assert.Multiple(() =>
        {
            Assert.That(with.Labels, Is.EqualTo(without.Labels));
            Assert.That(with.Centroids, Is.EqualTo(without.Centroids));
            Assert.That(with.Masses, Is.EqualTo(without.Counts.Select(count => (double)weight * count)));
            Assert.That(with.Distortion, Is.EqualTo(without.Distortion).Within(1e-12 * without.Distortion));
            Assert.That(with.HeldOutDistortion, Is.EqualTo(without.HeldOutDistortion).Within(1e-12 * without.HeldOutDistortion!.Value));
            Assert.That(without.Masses, Is.Null);
            if (algorithm is QuantizationAlgorithm.D4m or QuantizationAlgorithm.MiniBatch)
                Assert.That(with.RunningMasses, Is.EqualTo(without.RunningCounts!.Select(count => (double)weight * count)));
        });
    }

    [Test]
    public void AlmostEqualWeights_GiveTheSameLabels(
        [Values(QuantizationAlgorithm.D4m, QuantizationAlgorithm.Lloyd, QuantizationAlgorithm.Hartigan)] QuantizationAlgorithm algorithm, [ValueSource(nameof(Spaces))] QuantizationSpace space)
    {
        // One bit apart: the path for weights runs, the measure is the same.
        QuantizerOptions options = WeightedRows.FromFirstRows(_rows, Dimension, Centroids, algorithm, space);
        ClassQuantization without = WeightedRows.Fit(_rows, Dimension, null, options);
        ClassQuantization with = WeightedRows.Fit(_rows, Dimension, [.. Enumerable.Range(0, Rows).Select(i => i % 2 == 0 ? 1f : MathF.BitIncrement(1))], options);
        Assert.Multiple(() =>
        {
            Assert.That(with.Labels, Is.EqualTo(without.Labels));
            Assert.That(with.MoveCount, Is.EqualTo(without.MoveCount));
            Assert.That(with.Centroids.Zip(without.Centroids, (x, y) => x - y), Is.All.EqualTo(0).Within(1e-5));
        });
    }

    [Test]
    public void Scale_ChangesNoBit_ButTheMasses([Values] QuantizationAlgorithm algorithm, [ValueSource(nameof(Spaces))] QuantizationSpace space, [Values(7.88860905e-31f, 1.26765060e30f)] float scale)
    {
        // 2^-100 and 2^100.
        float[] weights = WeightedRows.Spread(Rows, 2);
        var options = new QuantizerOptions { CentroidCount = Centroids, Algorithm = algorithm, Space = space, BatchSize = 30 };
        ClassQuantization one = WeightedRows.Fit(_rows, Dimension, weights, options);
        ClassQuantization other = WeightedRows.Fit(_rows, Dimension, [.. weights.Select(weight => weight * scale)], options);
        Assert.Multiple(() =>
        {
            Assert.That(other.Labels, Is.EqualTo(one.Labels));
            Assert.That(other.Centroids, Is.EqualTo(one.Centroids));
            Assert.That(other.Distortion, Is.EqualTo(one.Distortion).Within(1e-12 * one.Distortion));
            Assert.That(other.Masses, Is.EqualTo(one.Masses!.Select(mass => mass * scale)));
            Assert.That(other.RunningMasses, Is.EqualTo(one.RunningMasses?.Select(mass => mass * scale)));
        });
    }

    [Test]
    public void RowsOfWeightZero_ChangeNoBit_AndGetLabels([Values] QuantizationAlgorithm algorithm, [ValueSource(nameof(Spaces))] QuantizationSpace space, [Values(0, 0.2)] double holdOut)
    {
        float[] weights = WeightedRows.Spread(Rows, 3);
        var options = new QuantizerOptions { CentroidCount = Centroids, Algorithm = algorithm, Space = space, HoldOutFraction = holdOut, BatchSize = 30, Restarts = 2 };
        ClassQuantization without = WeightedRows.Fit(_rows, Dimension, weights, options);

        // A far row of weight 0 before every third row.
        var more = new List<Half>();
        var moreWeights = new List<float>();
        var places = new List<int>();
        for (int i = 0; i < Rows; i++)
        {
            if (i % 3 == 0)
            {
                more.AddRange(Enumerable.Repeat((Half)(50 - i), Dimension));
                moreWeights.Add(0);
            }

            places.Add(moreWeights.Count);
            more.AddRange(_rows.AsSpan(i * Dimension, Dimension));
            moreWeights.Add(weights[i]);
        }

        ClassQuantization with = WeightedRows.Fit([.. more], Dimension, [.. moreWeights], options);
        double[] exact = ReferenceKMeans.ToDouble([.. more]);
        Assert.Multiple(() =>
        {
            Assert.That(with.Centroids, Is.EqualTo(without.Centroids));
            Assert.That(places.Select(place => with.Labels[place]), Is.EqualTo(without.Labels));
            Assert.That(with.Labels, Is.EqualTo(Enumerable.Range(0, moreWeights.Count).Select(i => ReferenceKMeans.Nearest(exact, i, with.Centroids, Dimension).Label)));
            Assert.That(with.Masses, Is.EqualTo(without.Masses));
            Assert.That(with.Counts.Sum(), Is.EqualTo(moreWeights.Count), "they count as rows");
            Assert.That(with.Distortion, Is.EqualTo(without.Distortion));
            Assert.That(with.HeldOutDistortion, Is.EqualTo(without.HeldOutDistortion));
            Assert.That(with.HeldOutRowCount, Is.EqualTo(without.HeldOutRowCount));
            Assert.That(with.WeightlessRowCount, Is.EqualTo(40));
        });
    }

    [Test]
    public void Result_IsMeasuredWithWeights([Values] QuantizationAlgorithm algorithm, [ValueSource(nameof(Spaces))] QuantizationSpace space)
    {
        float[] weights = WeightedRows.Spread(Rows, 4);
        ClassQuantization result = WeightedRows.Fit(_rows, Dimension, weights, new() { CentroidCount = Centroids, Algorithm = algorithm, Space = space, HoldOutFraction = 0.25, BatchSize = 30 });
        double[] exact = ReferenceKMeans.ToDouble(_rows), masses = new double[Centroids];
        double total = weights.Sum(weight => (double)weight), sum = 0;
        for (int i = 0; i < Rows; i++)
        {
            masses[result.Labels[i]] += weights[i];
            sum += weights[i] * ReferenceKMeans.Nearest(exact, i, result.Centroids, Dimension).Distance;
        }

        double squares = masses.Sum(mass => mass * mass), heldMass = total - result.FitMass!.Value;
        Assert.Multiple(() =>
        {
            Assert.That(result.Masses, Is.EqualTo(masses).Within(1e-9));
            Assert.That(result.EffectiveCells, Is.EqualTo(total * total / squares).Within(1e-9));
            Assert.That((result.Distortion * result.FitMass) + (result.HeldOutDistortion * heldMass), Is.EqualTo(sum).Within(1e-5 * sum));
            Assert.That(heldMass, Is.InRange(0.05 * total, 0.6 * total));
            Assert.That(result.HeldOutRowCount, Is.EqualTo(30));
        });
    }

    [TestCaseSource(nameof(Spaces))]
    public void Distortion_NeverRises(QuantizationSpace space)
    {
        float[] weights = WeightedRows.Spread(300, 5, decades: 3);
        Half[] rows = TestRows.Gaussian(300, Dimension, seed: 92);
        double last = double.PositiveInfinity;
        for (int iterations = 1; iterations < 30; iterations++)
        {
            double distortion = WeightedRows.Fit(rows, Dimension, weights, new() { CentroidCount = 25, Algorithm = QuantizationAlgorithm.Lloyd, Space = space, MaxIterations = iterations }).Distortion;
            Assert.That(distortion, Is.LessThanOrEqualTo(last * (1 + 1e-6)), $"after {iterations} iterations");
            last = distortion;
        }

        double refined = WeightedRows.Fit(rows, Dimension, weights, new() { CentroidCount = 25, Space = space }).Distortion;
        Assert.That(refined, Is.LessThan(last), "Hartigan's moves improve on Lloyd here");
    }

    [TestCaseSource(nameof(Spaces))]
    public void Restarts_AreComparedByTheWeightedDistortion(QuantizationSpace space)
    {
        float[] weights = WeightedRows.Spread(Rows, 12, decades: 4);
        double last = double.PositiveInfinity;
        for (int restarts = 1; restarts <= 12; restarts++)
        {
            double distortion = WeightedRows.Fit(_rows, Dimension, weights, new() { CentroidCount = Centroids, Algorithm = QuantizationAlgorithm.Lloyd, Space = space, Restarts = restarts }).Distortion;
            Assert.That(distortion, Is.LessThanOrEqualTo(last * (1 + 1e-6)), $"{restarts} restarts");
            last = distortion;
        }
    }

    [Test]
    public void Spaces_Agree([Values(2, 6, 12)] double decades)
    {
        float[] weights = WeightedRows.Spread(Rows, 6, decades);
        foreach (QuantizationAlgorithm algorithm in Enum.GetValues<QuantizationAlgorithm>())
        {
            // A centre may be put on a row that another is already on, all but for rounding: no replacements here.
            var options = new QuantizerOptions { CentroidCount = Centroids, Algorithm = algorithm, BatchSize = 30, ReassignmentRatio = 0 };
            ClassQuantization[] both = [.. Spaces.Select(space => WeightedRows.Fit(_rows, Dimension, weights, options with { Space = space }))];
            Assert.That(both[0].Centroids, Is.All.Matches<float>(float.IsFinite), $"{algorithm}");
            if (algorithm == QuantizationAlgorithm.Hartigan)
                Assert.That(both[0].Distortion, Is.EqualTo(both[1].Distortion).Within(0.05 * both[1].Distortion), "they visit rows in other orders");
            else if (algorithm != QuantizationAlgorithm.Support) // Its mixtures of rounds grow what rounding leaves.
                Assert.That(both[0].Centroids.Zip(both[1].Centroids, (x, y) => x - y), Is.All.EqualTo(0).Within(2e-4), $"{algorithm}");
        }
    }

    [Test]
    public void Centroids_AreTheWeightedMeans([ValueSource(nameof(Spaces))] QuantizationSpace space, [Values(2, 12, 70)] double decades)
    {
        float[] weights = WeightedRows.Spread(Rows, 7, decades);
        ClassQuantization result = WeightedRows.Fit(_rows, Dimension, weights, new() { CentroidCount = Centroids, Space = space });
        (double[] means, double[] masses) = WeightedRows.Means(ReferenceKMeans.ToDouble(_rows), Dimension, weights, result.Labels, Centroids);
        Assert.That(result.Centroids.Where((_, j) => masses[j / Dimension] > 0).Zip(means.Where((_, j) => masses[j / Dimension] > 0), (x, y) => x - y), Is.All.EqualTo(0).Within(1e-5));
    }

    [Test]
    public void KMeansQuantizer_TakesSampleWeight()
    {
        float[] weights = WeightedRows.Spread(Rows, 8);
        var options = new QuantizerOptions { CentroidCount = Centroids };
        KMeansQuantizer quantizer = new KMeansQuantizer(options).Fit(_rows, Dimension, weights);
        ClassQuantization expected = WeightedRows.Fit(_rows, Dimension, weights, options);
        Assert.Multiple(() =>
        {
            Assert.That(quantizer.ClusterCenters, Is.EqualTo(expected.Centroids));
            Assert.That(quantizer.Inertia, Is.EqualTo(expected.Distortion * weights.Sum(weight => (double)weight)).Within(1e-9 * quantizer.Inertia));
            Assert.That(() => quantizer.Fit(_rows, Dimension, weights.AsSpan(1)), Throws.TypeOf<UsageException>().With.Message.Contain("119 sample weights for 120 rows"));
        });
    }

    [TestCase(float.NaN, "NaN")]
    [TestCase(float.PositiveInfinity, "Infinity")]
    [TestCase(-1f, "-1")]
    public void BadWeight_IsNamed(float weight, string text)
    {
        float[] weights = WeightedRows.Spread(Rows, 9);
        weights[17] = weight;
        var source = new ArrayLatentSource(Dimension, _rows, _rows) { Weights = [WeightedRows.Spread(Rows, 10), weights] };
        using var quantizer = new CpuQuantizer();
        Assert.That(
            () => quantizer.FitClass(source, 1, new() { CentroidCount = 3 }, default),
            Throws.TypeOf<DdoqException>().With.Message.Contain("row 17 (class 1 'class1') has sample weight " + text));
    }

    [Test]
    public void AllWeightsZero_IsRefused() => Assert.That(
        () => WeightedRows.Fit(_rows, Dimension, new float[Rows], new() { CentroidCount = 3 }),
        Throws.TypeOf<DdoqException>().With.Message.Contain("class 0 'class0': all 120 sample weights are 0"));

    [Test]
    public void InMemoryLatents_HoldWeights()
    {
        float[] values = [.. _rows.Select(value => (float)value)];
        int[] labels = [.. Enumerable.Range(0, Rows).Select(i => i % 2)];
        float[] weights = WeightedRows.Spread(Rows, 11);
        var latents = InMemoryLatents.FromRows(new LatentShape(1, 1, Dimension), ["a", "b"], values, labels, weights);
        float[] read = new float[Rows / 2];
        latents.ReadSampleWeights(1, read);
        Assert.Multiple(() =>
        {
            Assert.That(latents.HasSampleWeights);
            Assert.That(read, Is.EqualTo(weights.Where((_, i) => i % 2 == 1)));
            Assert.That(() => latents.ReadSampleWeights(1, new float[3]), Throws.TypeOf<DdoqException>().With.Message.Contain("3 sample weights for 60 rows"));
            Assert.That(
                () => InMemoryLatents.FromRows(new LatentShape(1, 1, Dimension), ["a", "b"], values, labels, weights.AsSpan(1)),
                Throws.TypeOf<DdoqException>().With.Message.Contain("119 sample weights for 120 rows"));
            weights[5] = -2;
            Assert.That(
                () => InMemoryLatents.FromRows(new LatentShape(1, 1, Dimension), ["a", "b"], values, labels, weights),
                Throws.TypeOf<DdoqException>().With.Message.Contain("row 2 (class 1 'b') has sample weight -2"));
        });
    }

    private static ClassQuantization AssertSameAsRepeated(Half[] rows, float[] weights, QuantizerOptions options)
    {
        ClassQuantization weighted = WeightedRows.Fit(rows, Dimension, weights, options);
        ClassQuantization repeated = WeightedRows.Fit(WeightedRows.Repeat(rows, Dimension, weights), Dimension, null, options);
        Assert.Multiple(() =>
        {
            Assert.That(weights.SelectMany((weight, i) => Enumerable.Repeat(weighted.Labels[i], (int)weight)), Is.EqualTo(repeated.Labels));
            Assert.That(weighted.Centroids.Zip(repeated.Centroids, (x, y) => x - y), Is.All.EqualTo(0).Within(1e-5));
            Assert.That(weighted.Masses, Is.EqualTo(repeated.Counts.Select(count => (double)count)));
            Assert.That(weighted.Distortion, Is.EqualTo(repeated.Distortion).Within(1e-5 * repeated.Distortion));
            Assert.That(weighted.EffectiveCells, Is.EqualTo(repeated.EffectiveCells).Within(1e-9));
            Assert.That(weighted.FitMass, Is.EqualTo(repeated.RowCount));
            Assert.That(weighted.IterationCount, Is.EqualTo(repeated.IterationCount));
        });
        return repeated;
    }
}
