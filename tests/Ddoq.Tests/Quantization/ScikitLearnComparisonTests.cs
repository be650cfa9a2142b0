using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>The same start and rows given to scikit-learn.</summary>
public class ScikitLearnComparisonTests
{
    private const int Rows = 230, Dimension = 96, Centroids = 9;
    private static readonly QuantizationSpace[] Spaces = [QuantizationSpace.Gram, QuantizationSpace.Direct];
    private readonly Half[] _rows = TestRows.Gaussian(Rows, Dimension, seed: 31);
    private readonly float[] _start = TestRows.FirstRows(TestRows.Gaussian(Rows, Dimension, seed: 31), Dimension, Centroids);

    [Test]
    public void Lloyd_IsKMeans()
    {
        double[][] theirs = Run("""
            model = KMeans(n_clusters=centroids, init=start, n_init=1, tol=0, algorithm='lloyd').fit(rows)
            say(model.labels_); say([model.inertia_, model.n_iter_]); say(model.cluster_centers_)
            """);
        foreach (QuantizationSpace space in Spaces)
        {
            ClassQuantization ours = Fit(new() { CentroidCount = Centroids, Algorithm = QuantizationAlgorithm.Lloyd, Space = space });
            Assert.Multiple(() =>
            {
                Assert.That(ours.Labels, Is.EqualTo(theirs[0]), $"{space}");
                Assert.That(ours.Distortion * Rows, Is.EqualTo(theirs[1][0]).Within(1e-5 * theirs[1][0]), $"{space}");
                Assert.That(ours.Centroids.Zip(theirs[2], (x, y) => x - y), Is.All.EqualTo(0).Within(1e-5), $"{space}");
            });
        }
    }

    [TestCase(1)]
    [TestCase(3)]
    public void D4m_IsPartialFit(int kmExpand)
    {
        double[][] theirs = Run($"""
            size = {kmExpand} * centroids
            model = MiniBatchKMeans(n_clusters=centroids, init=start, n_init=1, batch_size=size, reassignment_ratio=0)
            for first in range(0, len(rows) - size + 1, size):
                model.partial_fit(rows[first:first + size])
            say(model.cluster_centers_); say(model._counts)
            """);
        foreach (QuantizationSpace space in Spaces)
        {
            ClassQuantization ours = Fit(new() { CentroidCount = Centroids, Algorithm = QuantizationAlgorithm.D4m, KmExpand = kmExpand, ReassignmentRatio = 0, Space = space });
            Assert.Multiple(() =>
            {
                Assert.That(ours.RunningCounts, Is.EqualTo(theirs[1]), $"{space}");
                Assert.That(ours.Centroids.Zip(theirs[0], (x, y) => x - y), Is.All.EqualTo(0).Within(1e-5), $"{space}");
            });
        }
    }

    [Test]
    public void MiniBatch_IsAsGoodAsTheirs_AndHartiganBetter()
    {
        double[][] theirs = Run("""
            say([np.mean([MiniBatchKMeans(n_clusters=centroids, batch_size=64, n_init=1, random_state=seed).fit(rows).inertia_ for seed in range(8)])])
            """);
        double expected = theirs[0][0] / Rows;
        foreach (QuantizationSpace space in Spaces)
        {
            double[] ours = [.. Enumerable.Range(0, 8).Select(seed => Fit(new()
            {
                CentroidCount = Centroids,
                Algorithm = QuantizationAlgorithm.MiniBatch,
                BatchSize = 64,
                Seed = (ulong)seed,
                Space = space,
            }, given: false).Distortion)];
            double best = Fit(new() { CentroidCount = Centroids, Space = space }, given: false).Distortion;
            Assert.That(ours.Average(), Is.EqualTo(expected).Within(0.02 * expected), $"{space}");
            Assert.That(best, Is.LessThan(expected), $"{space}");
        }
    }

    private double[][] Run(string script) => ScikitLearn.Run(_rows, _start, Dimension, Centroids, script);

    private ClassQuantization Fit(QuantizerOptions options, bool given = true)
    {
        using var quantizer = new CpuQuantizer();
        options = given ? options with { Initialization = CentroidInitialization.Given, InitialCentroids = [_start] } : options;
        return quantizer.FitClass(new ArrayLatentSource(Dimension, _rows), 0, options, default);
    }
}
