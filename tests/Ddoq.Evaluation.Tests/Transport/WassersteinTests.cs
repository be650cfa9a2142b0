using CommunityToolkit.HighPerformance;
using Ddoq.Evaluation.Transport;
using Ddoq.Numerics;

namespace Ddoq.Evaluation.Tests.Transport;

public class WassersteinTests
{
    // Every kind of points with every kind of weights; the sizes, which side is smaller among them, take turns.
    private static IEnumerable<TransportCase> Cases()
    {
        ulong seed = 100;
        (int N, int K, int D)[] sizes = [(443, 10, 5), (33, 129, 7), (128, 32, 3), (31, 31, 2), (129, 33, 4)];
        foreach (PointKind points in Enum.GetValues<PointKind>())
        {
            foreach (WeightKind weights in Enum.GetValues<WeightKind>())
            {
                (int n, int k, int d) = sizes[(int)(seed % (ulong)sizes.Length)];
                yield return seed % 2 == 0
                    ? new TransportCase(seed++, n, k, d, points, WeightKind.Uniform, weights)
                    : new TransportCase(seed++, n, k, d, points, weights, WeightKind.Random);
            }
        }

        yield return new TransportCase(seed++, 1, 1, 1, PointKind.Cube, WeightKind.Uniform, WeightKind.Uniform);
        yield return new TransportCase(seed++, 257, 1, 9, PointKind.Cube, WeightKind.Random, WeightKind.Uniform);
        yield return new TransportCase(seed, 1, 8, 3, PointKind.Cube, WeightKind.Uniform, WeightKind.Random);
    }

    [TestCaseSource(nameof(Cases))]
    public void Plan_HasTheMarginals_AndItsCostIsTheCost(TransportCase item)
    {
        float[] x = item.X(), y = item.Y();
        double[] a = item.A(), b = item.B();
        TransportSolution solution = Wasserstein.SquaredDistance(x, a, y, b, item.D);
        double cost = 0;
        foreach ((int i, int j, double mass) in solution.Plan)
        {
            Assert.That(mass, Is.GreaterThan(0));
            a[i] -= mass;
            b[j] -= mass;
            cost += mass * SquaredDistance(x, i, y, j, item.D);
        }

        Assert.Multiple(() =>
        {
            Assert.That(a, Has.All.EqualTo(0).Within(1e-12));
            Assert.That(b, Has.All.EqualTo(0).Within(1e-12));
            Assert.That(solution.Cost, Is.EqualTo(cost).Within(1e-12 * cost));
            Assert.That(solution.Plan.Select(e => (e.Source, e.Target)), Is.Ordered.And.Unique);
        });
    }

    [TestCaseSource(nameof(Cases))]
    public void Potentials_AreFeasible_AndTightOnThePlan(TransportCase item)
    {
        float[] x = item.X(), y = item.Y();
        TransportSolution solution = Wasserstein.SquaredDistance(x, item.A(), y, item.B(), item.D);
        double Slack(int i, int j) =>
            SquaredDistance(x, i, y, j, item.D) - solution.SourcePotentials[i] - solution.TargetPotentials[j];
        double leastSlack = Enumerable.Range(0, item.N).Min(i => Enumerable.Range(0, item.K).Min(j => Slack(i, j)));
        Assert.That(leastSlack, Is.GreaterThan(-1e-12));
        Assert.That(solution.Plan.Max(entry => Math.Abs(Slack(entry.Source, entry.Target))), Is.LessThan(1e-12));
        Assert.That(solution.DualityGap, Is.Zero.Within(1e-12 * (1 + solution.Cost)));
    }

    [TestCase(1000, 37)]
    [TestCase(37, 1000)]
    [TestCase(255, 255)]
    public void SquaredDistance_OnTheLine_IsTheQuantileCoupling(int n, int k)
    {
        var item = new TransportCase(7, n, k, 1, PointKind.Cube, WeightKind.Random, WeightKind.SomeZero);
        double expected = QuantileCoupling(item.X(), item.A(), item.Y(), item.B());
        double cost = Wasserstein.SquaredDistance(item.X(), item.A(), item.Y(), item.B(), 1).Cost;
        Assert.That(cost, Is.EqualTo(expected).Within(1e-12));
    }

    [Test]
    public void SquaredDistance_OfMatricesThatArePartsOfWiderOnes_IsThatOfTheirRows()
    {
        float[] wide = [.. Enumerable.Range(0, 60).Select(i => (float)Math.Sin(i * i))];
        ReadOnlySpan2D<float> part = new ReadOnlySpan2D<float>(wide, 12, 5).Slice(0, 1, 12, 3);
        float[] rows = [.. Enumerable.Range(0, 12).SelectMany(i => wide[((5 * i) + 1)..((5 * i) + 4)])];
        Assert.That(Wasserstein.SquaredDistance(part.Slice(0, 0, 8, 3), [], part.Slice(8, 0, 4, 3), []).Cost, Is.EqualTo(Wasserstein.SquaredDistance(rows.AsSpan(0, 24), [], rows.AsSpan(24), [], 3).Cost));
        Assert.That(
            () => Wasserstein.SquaredDistance(new ReadOnlySpan2D<float>(wide, 12, 5), [], new ReadOnlySpan2D<float>(wide, 20, 3), []),
            Throws.InstanceOf<DdoqException>().With.Message.Contains("rows of 5 values, the second of 3"));
    }

    [Test]
    public void SquaredDistance_OfEqualCounts_IsTheBestPermutation()
    {
        var item = new TransportCase(3, 7, 7, 3, PointKind.Cube, WeightKind.Uniform, WeightKind.Uniform);
        float[] x = item.X(), y = item.Y();
        double best = Permutations(7).Min(p => p.Select((j, i) => SquaredDistance(x, i, y, j, 3)).Sum()) / 7;
        Assert.That(Wasserstein.SquaredDistance(x, [], y, [], 3).Cost, Is.EqualTo(best).Within(1e-14));
    }

    [TestCase(PointKind.Cube)]
    [TestCase(PointKind.Lattice)]
    public void SquaredDistance_WithVoronoiWeights_IsTheDistortion(PointKind points)
    {
        var item = new TransportCase(21, 600, 33, 6, points, WeightKind.Random, WeightKind.Uniform);
        float[] x = item.X(), y = item.Y();
        double[] a = item.A();
        var voronoi = new double[item.K];
        double distortion = 0;
        for (int i = 0; i < item.N; i++)
        {
            int nearest = Enumerable.Range(0, item.K).MinBy(j => SquaredDistance(x, i, y, j, item.D));
            voronoi[nearest] += a[i];
            distortion += a[i] * SquaredDistance(x, i, y, nearest, item.D);
        }

        Assert.Multiple(() =>
        {
            Assert.That(Wasserstein.SquaredDistance(x, a, y, voronoi, item.D).Cost, Is.EqualTo(distortion).Within(1e-12 * distortion));
            // Any other weights are worse (Prop. 1): the test above is not met by every solver.
            Assert.That(Wasserstein.SquaredDistance(x, a, y, [], item.D).Cost, Is.GreaterThan(distortion * 1.001));
        });
    }

    [Test]
    public void SquaredDistance_OfTheSamePointsInAnotherOrder_IsExactlyZero()
    {
        var item = new TransportCase(4, 129, 129, 4, PointKind.Lattice, WeightKind.Uniform, WeightKind.Uniform);
        float[] x = item.X(), y = [.. x.Chunk(4).Reverse().SelectMany(row => row)];
        TransportSolution solution = Wasserstein.SquaredDistance(x, [], y, [], 4);
        Assert.Multiple(() =>
        {
            Assert.That(solution.Cost, Is.Zero);
            Assert.That(solution.Distance, Is.Zero);
        });
    }

    [Test]
    public void SquaredDistance_OfSplitPoints_IsThatOfTheWholePoints()
    {
        var item = new TransportCase(5, 100, 9, 5, PointKind.Cube, WeightKind.Uniform, WeightKind.Random);
        float[] y = item.Y();
        double[] b = item.B();
        double[] halves = [.. b.Concat(b).Select(w => w / 2)];
        double whole = Wasserstein.SquaredDistance(item.X(), item.A(), y, b, 5).Cost;
        double split = Wasserstein.SquaredDistance(item.X(), item.A(), [.. y, .. y], halves, 5).Cost;
        Assert.That(split, Is.EqualTo(whole).Within(1e-12));
    }

    [Test]
    public void SquaredDistance_FollowsATranslation()
    {
        var item = new TransportCase(6, 200, 11, 3, PointKind.Cube, WeightKind.Random, WeightKind.Random);
        float[] x = item.X(), y = item.Y();
        double[] a = item.A(), b = item.B();
        float[] shift = [0.5f, -2f, 0.25f];
        // Multiples of 2^-20, so that the shifted floats are exact.
        float[] exactY = [.. y.Select(v => MathF.Round(v * 1048576) / 1048576)];
        float[] shifted = [.. exactY.Select((v, i) => v + shift[i % 3])];
        double cross = 0;
        for (int d = 0; d < 3; d++)
        {
            double meanX = Enumerable.Range(0, 200).Sum(i => a[i] * x[(i * 3) + d]);
            double meanY = Enumerable.Range(0, 11).Sum(j => b[j] * exactY[(j * 3) + d]);
            cross += ((double)shift[d] * shift[d]) + (2 * shift[d] * (meanY - meanX));
        }

        double before = Wasserstein.SquaredDistance(x, a, exactY, b, 3).Cost;
        double after = Wasserstein.SquaredDistance(x, a, shifted, b, 3).Cost;
        Assert.That(after, Is.EqualTo(before + cross).Within(1e-11));
    }

    [Test]
    public void Solve_TakesNegativeCosts_AndNormalisesBothMeasures()
    {
        TransportSolution solution = Wasserstein.Solve([-1, 0, 0, -3], [2, 2], [5, 5]);
        Assert.That(solution.Cost, Is.EqualTo(-2));
    }

    [TestCase(1)]
    [TestCase(8)]
    [TestCase(1023)]
    [TestCase(2049)]
    public void PairwiseDistances_EqualTheScalarSum(int dimension)
    {
        var random = new CounterRandom(9, (ulong)dimension);
        var x = new float[19 * dimension];
        var y = new float[5 * dimension];
        random.FillGaussian(x);
        random.FillGaussian(y);
        var costs = new double[19 * 5];
        PairwiseDistances.Squared(x, y, dimension, costs);
        for (int i = 0; i < 19; i++)
        {
            for (int j = 0; j < 5; j++)
            {
                double expected = SquaredDistance(x, i, y, j, dimension);
                Assert.That(costs[(i * 5) + j], Is.EqualTo(expected).Within(1e-13 * expected), $"({i}, {j})");
            }
        }
    }

    [Test]
    public void BadInput_NamesWhatAndWhere()
    {
        float[] x = [0, 1, 2, 3];
        Assert.Multiple(() =>
        {
            Assert.That(() => Wasserstein.SquaredDistance(x, [], x, [], 3), Fails("4 values for dimension 3"));
            Assert.That(() => Wasserstein.SquaredDistance(x, [], [], [], 2), Fails("second measure has 0 values"));
            Assert.That(() => Wasserstein.SquaredDistance(x, [1], x, [], 2), Fails("first measure has 2 rows and 1 weights"));
            Assert.That(() => Wasserstein.SquaredDistance(x, [], x, [0.5, -0.5], 2), Fails("Weight 1 of the second measure is -0.5"));
            Assert.That(() => Wasserstein.SquaredDistance(x, [0, 0], x, [], 2), Fails("sum to 0"));
            Assert.That(() => Wasserstein.SquaredDistance([0, float.NaN, 2, 3], [], x, [], 2), Fails("source row 0 and target row 0 is NaN"));
            Assert.That(() => Wasserstein.Solve([1, 2, 3], [1, 1], [1, 1]), Fails("3 entries was given for 2 x 2"));
        });

        static NUnit.Framework.Constraints.IResolveConstraint Fails(string words) =>
            Throws.TypeOf<DdoqException>().With.Message.Contains(words);
    }

    private static double SquaredDistance(float[] x, int i, float[] y, int j, int dimension)
    {
        double sum = 0;
        for (int d = 0; d < dimension; d++)
            sum += ((double)x[(i * dimension) + d] - y[(j * dimension) + d]) * ((double)x[(i * dimension) + d] - y[(j * dimension) + d]);
        return sum;
    }

    private static double QuantileCoupling(float[] x, double[] a, float[] y, double[] b)
    {
        Array.Sort(x, a);
        Array.Sort(y, b);
        double cost = 0;
        for (int i = 0, j = 0; i < x.Length && j < y.Length;)
        {
            double mass = Math.Min(a[i], b[j]);
            cost += mass * ((double)x[i] - y[j]) * ((double)x[i] - y[j]);
            a[i] -= mass;
            b[j] -= mass;
            if (a[i] <= 0)
                i++;
            else
                j++;
        }

        return cost;
    }

    private static IEnumerable<int[]> Permutations(int count)
    {
        int[] items = [.. Enumerable.Range(0, count)];
        return Permute(0);

        IEnumerable<int[]> Permute(int fixedCount)
        {
            if (fixedCount == count)
                yield return [.. items];
            for (int i = fixedCount; i < count; i++)
            {
                (items[fixedCount], items[i]) = (items[i], items[fixedCount]);
                foreach (int[] permutation in Permute(fixedCount + 1))
                    yield return permutation;
                (items[fixedCount], items[i]) = (items[i], items[fixedCount]);
            }
        }
    }
}
