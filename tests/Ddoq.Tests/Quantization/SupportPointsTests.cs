using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>Support points against their definition, a plain iteration in numpy, and what must not change them.</summary>
public class SupportPointsTests
{
    private const int Dimension = 24;

    // A plain iteration of 300 rounds; its energy up to the rows' own part.
    private const string PlainIteration = """
        rows = rows.astype(np.float64)
        points = start.astype(np.float64) + 1e-3 * np.random.default_rng(1).standard_normal(start.shape)
        distance = lambda a, b: np.sqrt(np.maximum((a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T, 1e-12))
        for _ in range(300):
            pulls, apart = 1 / distance(points, rows), distance(points, points)
            np.fill_diagonal(apart, np.inf)
            push = ((points[:, None] - points[None]) / apart[:, :, None]).sum(1)
            points = (pulls @ rows + len(rows) / centroids * push) / pulls.sum(1, keepdims=True)
        say(points)
        """;

    [Test]
    public void OneRound_IsTheDefinition([Values] bool weighted)
    {
        const int Rows = 130, Points = 7;
        Half[] rows = TestRows.Gaussian(Rows, Dimension, seed: 1, offset: 3);
        float[]? weights = weighted ? WeightedRows.Spread(Rows, 2) : null;
        float[] start = [.. TestRows.Gaussian(Points, Dimension, seed: 3, offset: 3).Select(value => (float)value)];
        ClassQuantization result = WeightedRows.Fit(rows, Dimension, weights, Given(start, Points) with { MaxIterations = 1 });
        double[] expected = ReferenceSupport.Round(Double(rows), Double(start), Dimension, weights);

        // The step of a round without others to mix it with is stretched by 1.9.
        Assert.That(Double(result.Centroids), Is.EqualTo(expected.Zip(start, (image, point) => point + (1.9 * (image - point)))).Within(3e-5));
    }

    [TestCase(300, 64, 10)]
    [TestCase(400, 16, 40)]
    [TestCase(600, 200, 25)]
    public void Energy_IsNotAboveThePlainIterations(int rows, int dimension, int points)
    {
        Half[] data = TestRows.Gaussian(rows, dimension, seed: 4);
        double[] plain = ScikitLearn.Run(data, TestRows.FirstRows(data, dimension, points), dimension, points, PlainIteration)[0];
        double limit = 1.001 * ReferenceSupport.Energy(Double(data), plain, dimension);
        foreach (QuantizationSpace space in Enum.GetValues<QuantizationSpace>())
        {
            ClassQuantization result = WeightedRows.Fit(data, dimension, null, Options(points, space));
            Assert.That(ReferenceSupport.Energy(Double(data), Double(result.Centroids), dimension), Is.LessThan(limit), $"{space}, {result.IterationCount} rounds");
        }
    }

    [Test]
    public void Energy_NeverRises_RoundByRound([Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space, [Values] bool weighted)
    {
        Half[] rows = TestRows.Gaussian(200, Dimension, seed: 5);
        float[]? weights = weighted ? WeightedRows.Spread(200, 6) : null;
        double last = double.PositiveInfinity;
        for (int rounds = 1; rounds <= 40; rounds++)
        {
            ClassQuantization result = WeightedRows.Fit(rows, Dimension, weights, Options(12, space) with { MaxIterations = rounds });
            double energy = ReferenceSupport.Energy(Double(rows), Double(result.Centroids), Dimension, weights);
            Assert.That(energy, Is.LessThan(last + 1e-6), $"{rounds} rounds");
            if (result.IterationCount < rounds)
                return;
            last = energy;
        }
    }

    [Test]
    public void BothSpaces_GiveTheSamePoints()
    {
        Half[] rows = TestRows.Gaussian(180, Dimension, seed: 7);
        QuantizerOptions options = Options(9, QuantizationSpace.Gram) with { MaxIterations = 4 };
        ClassQuantization gram = WeightedRows.Fit(rows, Dimension, null, options), direct = WeightedRows.Fit(rows, Dimension, null, options with { Space = QuantizationSpace.Direct });
        Assert.That(gram.Centroids, Is.EqualTo(direct.Centroids).Within(2e-3));
    }

    [Test]
    public void WholeWeights_AreRepeatedRows()
    {
        Half[] rows = TestRows.Gaussian(100, Dimension, seed: 8);
        float[] weights = WeightedRows.Whole(100, 9);
        QuantizerOptions options = Given(OffTheRows(8), 8) with { MaxIterations = 4 };
        ClassQuantization weighted = WeightedRows.Fit(rows, Dimension, weights, options);
        ClassQuantization repeated = WeightedRows.Fit(WeightedRows.Repeat(rows, Dimension, weights), Dimension, null, options);
        Assert.That(weighted.Centroids, Is.EqualTo(repeated.Centroids).Within(2e-3));
    }

    [Test]
    public void OrderOfTheRows_ChangesNothing_FromAGivenStart()
    {
        Half[] rows = TestRows.Gaussian(150, Dimension, seed: 10);
        float[] start = OffTheRows(8);
        int[] order = [.. Enumerable.Range(0, 150)];
        new CounterRandom(1, 1).Shuffle<int>(order);
        Half[] permuted = [.. order.SelectMany(i => rows.AsSpan(i * Dimension, Dimension).ToArray())];
        QuantizerOptions options = Given(start, 8) with { MaxIterations = 4 };
        ClassQuantization plain = WeightedRows.Fit(rows, Dimension, null, options), other = WeightedRows.Fit(permuted, Dimension, null, options);
        Assert.That(other.Centroids, Is.EqualTo(plain.Centroids).Within(2e-3));
    }

    [Test]
    public void TranslationAndScale_MoveThePointsAlong([Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space)
    {
        // Whole sixteenths: halves hold the moved rows exactly.
        Half[] rows = [.. TestRows.Gaussian(150, Dimension, seed: 11).Select(value => (Half)(Math.Round(16 * (float)value) / 16))];
        Half[] moved = [.. rows.Select(value => (Half)((4 * (float)value) + 32))];
        QuantizerOptions options = Options(8, space) with { MaxIterations = 4 };
        ClassQuantization plain = WeightedRows.Fit(rows, Dimension, null, options), other = WeightedRows.Fit(moved, Dimension, null, options);
        Assert.That(other.Centroids.Select(value => (value - 32) / 4), Is.EqualTo(plain.Centroids).Within(2e-3));
    }

    [Test]
    public void OnePoint_IsTheGeometricMedian([Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space)
    {
        Half[] rows = TestRows.Gaussian(90, Dimension, seed: 12);
        float[] point = WeightedRows.Fit(rows, Dimension, null, Options(1, space) with { MaxIterations = 1000 }).Centroids;
        var sum = new double[Dimension];
        for (int i = 0; i < 90; i++)
        {
            double[] toRow = [.. Enumerable.Range(0, Dimension).Select(j => (double)rows[(i * Dimension) + j] - point[j])];
            double length = Math.Sqrt(toRow.Sum(value => value * value));
            for (int j = 0; j < Dimension; j++)
                sum[j] += toRow[j] / length;
        }

        Assert.That(Math.Sqrt(sum.Sum(value => value * value)), Is.LessThan(0.02 * 90), "the unit vectors to the rows cancel out");
    }

    [Test]
    public void AsManyPointsAsRows_AreTheRows([Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space)
    {
        Half[] rows = TestRows.Gaussian(20, Dimension, seed: 13);
        ClassQuantization result = WeightedRows.Fit(rows, Dimension, null, Options(25, space));
        Assert.That(result.Centroids, Is.EqualTo(rows.Select(value => (float)value)).Within(1e-6));
    }

    [Test]
    public void RowsThatRepeat_AndPointsNearTheirNumber_ComeToAnEnd([Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space, [Values(5, 6, 7, 29)] int points)
    {
        Half[] distinct = TestRows.Gaussian(6, Dimension, seed: 14);
        Half[] rows = [.. Enumerable.Repeat(distinct, 5).SelectMany(values => values)];
        ClassQuantization result = WeightedRows.Fit(rows, Dimension, null, Options(points, space));
        double energy = ReferenceSupport.Energy(Double(rows), Double(result.Centroids), Dimension);
        double ofRandomRows = ReferenceSupport.MeanDistance(Double(rows), null, Double(rows), null, Dimension) / points;
        Assert.Multiple(() =>
        {
            Assert.That(result.IterationCount, Is.LessThan(300));

            // Six points can be the rows; other numbers cannot share the rows evenly.
            double bound = points switch { 5 => 0.3, 6 => 1e-3, 7 => 0.15, _ => 0.1 };
            Assert.That(energy, Is.LessThan(bound * ofRandomRows));
        });
    }

    [Test]
    public void Restarts_KeepTheLeastEnergy()
    {
        Half[] rows = TestRows.Gaussian(120, 6, seed: 15);
        double[] energies = [.. Enumerable.Range(1, 5).Select(restarts =>
            WeightedRows.Fit(rows, 6, null, Options(10, QuantizationSpace.Gram) with { Restarts = restarts }).EnergyDistance!.Value)];
        for (int i = 1; i < energies.Length; i++)
            Assert.That(energies[i], Is.LessThanOrEqualTo(energies[i - 1] + 1e-6));
        Assert.That(energies[^1], Is.LessThan(energies[0]), "starts of this data differ");
    }

    [Test]
    public void LargeClass_IsWorkedOnThroughSamples_AndNotMuchWorse()
    {
        const int Rows = 12000, Columns = 6, Points = 10;
        Half[] rows = TestRows.Gaussian(Rows, Columns, seed: 16);
        double[] plain = [.. TestRows.FirstRows(rows, Columns, Points).Select(value => value + 1e-3)];
        for (int round = 0; round < 100; round++)
            plain = ReferenceSupport.Round(Double(rows), plain, Columns);
        ClassQuantization result = WeightedRows.Fit(rows, Columns, null, Options(Points, QuantizationSpace.Direct));

        // The rows' own part, which both have, is left out of neither: a sample of the rows stands for it in both.
        double[] own = [.. Double(rows).Take(3000 * Columns)];
        double energy = Against(result.Centroids.Select(value => (double)value)), least = Against(plain);
        Assert.That(energy, Is.LessThan(1.05 * least));

        double Against(IEnumerable<double> points) =>
            (2 * ReferenceSupport.MeanDistance(Double(rows), null, [.. points], null, Columns))
            - ReferenceSupport.MeanDistance(own, null, own, null, Columns) - ReferenceSupport.MeanDistance([.. points], null, [.. points], null, Columns);
    }

    [Test]
    public void GivenStart_InGramSpace_IsRefused() => Assert.That(
        () => WeightedRows.Fit(TestRows.Gaussian(20, 2, 1), 2, null, Given([0, 0, 1, 1], 2) with { Space = QuantizationSpace.Gram }),
        Throws.TypeOf<UsageException>().With.Message.Contain("direct space only").And.Property(nameof(DdoqException.Hint)).Contains("Direct"));

    private static QuantizerOptions Options(int points, QuantizationSpace space) => new() { CentroidCount = points, Algorithm = QuantizationAlgorithm.Support, Space = space, Seed = 3 };

    private static QuantizerOptions Given(float[] start, int points) =>
        Options(points, QuantizationSpace.Direct) with { Initialization = CentroidInitialization.Given, InitialCentroids = [start] };

    private static float[] OffTheRows(int points) => [.. TestRows.Gaussian(points, Dimension, seed: 99).Select(value => (float)value)];

    private static double[] Double(Half[] values) => [.. values.Select(value => (double)value)];

    private static double[] Double(float[] values) => [.. values.Select(value => (double)value)];
}
