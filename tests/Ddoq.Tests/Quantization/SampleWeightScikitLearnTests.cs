using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>The same start, rows and <c>sample_weight</c> given to scikit-learn.</summary>
public class SampleWeightScikitLearnTests
{
    private const int Rows = 230, Dimension = 96, Centroids = 9;
    private static readonly QuantizationSpace[] Spaces = [QuantizationSpace.Gram, QuantizationSpace.Direct];
    private readonly Half[] _rows = TestRows.Gaussian(Rows, Dimension, seed: 98);
    private readonly float[] _weights = WeightedRows.Spread(Rows, 30);

    [Test]
    public void Lloyd_IsKMeans()
    {
        double[][] theirs = Run("""
            model = KMeans(n_clusters=centroids, init=start, n_init=1, tol=0, algorithm='lloyd').fit(rows, sample_weight=weights)
            say(model.labels_); say([model.inertia_]); say(model.cluster_centers_)
            """);
        double mass = _weights.Sum(weight => (double)weight);
        foreach (QuantizationSpace space in Spaces)
        {
            ClassQuantization ours = WeightedRows.Fit(_rows, Dimension, _weights, WeightedRows.FromFirstRows(_rows, Dimension, Centroids, QuantizationAlgorithm.Lloyd, space));
            Assert.Multiple(() =>
            {
                Assert.That(ours.Labels, Is.EqualTo(theirs[0]), $"{space}");
                Assert.That(ours.Distortion * mass, Is.EqualTo(theirs[1][0]).Within(1e-5 * theirs[1][0]), $"{space}");
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
                model.partial_fit(rows[first:first + size], sample_weight=weights[first:first + size])
            say(model.cluster_centers_); say(model._counts)
            """);
        foreach (QuantizationSpace space in Spaces)
        {
            QuantizerOptions options = WeightedRows.FromFirstRows(_rows, Dimension, Centroids, QuantizationAlgorithm.D4m, space) with { KmExpand = kmExpand, ReassignmentRatio = 0 };
            ClassQuantization ours = WeightedRows.Fit(_rows, Dimension, _weights, options);
            Assert.Multiple(() =>
            {
                Assert.That(ours.RunningMasses!.Zip(theirs[1], (x, y) => x - y), Is.All.EqualTo(0).Within(1e-4), $"{space}: theirs are single precision");
                Assert.That(ours.Centroids.Zip(theirs[0], (x, y) => x - y), Is.All.EqualTo(0).Within(1e-5), $"{space}");
            });
        }
    }

    private double[][] Run(string script) =>
        ScikitLearn.Run(_rows, TestRows.FirstRows(_rows, Dimension, Centroids), Dimension, Centroids, script, _weights);
}
