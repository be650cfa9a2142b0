using Ddoq.Evaluation.Transport;

namespace Ddoq.Evaluation.Tests.Transport;

/// <summary>Against ot.emd2: fresh runs where Python is there, stored values of the same cases everywhere.</summary>
public class WassersteinPeerTests
{
    // ot.emd2 of POT 0.8.2.
    private static readonly (TransportCase Case, double Expected)[] Golden =
    [
        (new TransportCase(1, 1200, 50, 8, PointKind.Cube, WeightKind.Uniform, WeightKind.Uniform), 0.38169546002317983),
        (new TransportCase(2, 1200, 50, 8, PointKind.Cube, WeightKind.Uniform, WeightKind.Random), 0.4181061448420881),
        (new TransportCase(3, 1200, 10, 16, PointKind.Lattice, WeightKind.Uniform, WeightKind.Uniform), 13.135),
        (new TransportCase(4, 443, 37, 5, PointKind.Lattice, WeightKind.Random, WeightKind.SomeZero), 1.93355077414716),
        (new TransportCase(5, 37, 443, 5, PointKind.Cube, WeightKind.SomeZero, WeightKind.Random), 0.23661379156332252),
        (new TransportCase(6, 129, 129, 3, PointKind.Cube, WeightKind.Uniform, WeightKind.Uniform), 0.030755273485440524),
        (new TransportCase(7, 31, 200, 2, PointKind.Lattice, WeightKind.Counts, WeightKind.Counts), 0.3790296799917438),
        (new TransportCase(8, 257, 1, 33, PointKind.Cube, WeightKind.Random, WeightKind.Uniform), 5.56168796686951),
        (new TransportCase(9, 1, 9, 7, PointKind.Cube, WeightKind.Uniform, WeightKind.Counts), 1.3273953207765945),
        (new TransportCase(10, 3000, 50, 4, PointKind.Cube, WeightKind.Uniform, WeightKind.Counts), 0.08902391434534512),
        (new TransportCase(11, 6000, 50, 6, PointKind.Cube, WeightKind.Uniform, WeightKind.Random), 0.2377074050268492),
        (new TransportCase(12, 1300, 200, 6, PointKind.Cube, WeightKind.Uniform, WeightKind.Uniform), 0.13016116081351584),
    ];

    private static IEnumerable<TestCaseData> GoldenCases() =>
        Golden.Select(g => new TestCaseData(g.Case, g.Expected).SetArgDisplayNames(g.Case.ToString()));

    [TestCaseSource(nameof(GoldenCases))]
    public void SquaredDistance_OfStoredCase_EqualsThePeer(TransportCase item, double expected)
    {
        TransportSolution solution = Wasserstein.SquaredDistance(item.X(), item.A(), item.Y(), item.B(), item.D);
        Assert.That(solution.Cost, Is.EqualTo(expected).Within(1e-11 * expected));
    }

    [Test]
    public void SquaredDistance_OfFreshCases_EqualsThePeer()
    {
        var cases = new List<TransportCase>();
        int[] sizes = [1, 2, 3, 7, 9, 31, 64, 129];
        ulong seed = 90_000;
        foreach (PointKind points in Enum.GetValues<PointKind>())
        {
            foreach (WeightKind weights in Enum.GetValues<WeightKind>())
            {
                foreach (int k in sizes)
                {
                    int n = sizes[(int)(seed % 8)];
                    cases.Add(seed % 2 == 0
                        ? new TransportCase(seed, 2 * n, k, 1 + (int)(seed++ % 5), points, WeightKind.Uniform, weights)
                        : new TransportCase(seed, n, k, 1 + (int)(seed++ % 5), points, weights, WeightKind.Random));
                }
            }
        }

        double[]? expected = PythonOptimalTransport.SquaredDistances(cases, out string reason);
        if (expected is null)
            Assert.Ignore(reason);
        Assert.That(expected, Has.Length.EqualTo(cases.Count));
        Assert.Multiple(() =>
        {
            for (int i = 0; i < cases.Count; i++)
            {
                TransportCase item = cases[i];
                double cost = Wasserstein.SquaredDistance(item.X(), item.A(), item.Y(), item.B(), item.D).Cost;
                Assert.That(cost, Is.EqualTo(expected![i]).Within(1e-10 * (1e-4 + expected[i])), item.ToString());
            }
        });
    }
}
