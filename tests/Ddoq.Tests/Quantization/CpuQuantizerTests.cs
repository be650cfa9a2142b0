using CommunityToolkit.HighPerformance;
using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

public class CpuQuantizerTests
{
    private const int Dimension = 33;

    [Test]
    public void Workers_DoNotChangeABit([Values] QuantizationAlgorithm algorithm)
    {
        var options = new QuantizerOptions { CentroidCount = 6, Algorithm = algorithm, Seed = 4, Passes = 2, HoldOutFraction = 0.1 };
        ArrayLatentSource source = Source(50, 7, 81, 3, 64, 20);
        Dictionary<int, ClassQuantization> one = FitAll(source, options with { Workers = 1 });
        Dictionary<int, ClassQuantization> three = FitAll(source, options with { Workers = 3 });
        Dictionary<int, ClassQuantization> copied = FitAll(Source(false, 50, 7, 81, 3, 64, 20), options with { Workers = 2 });
        foreach (int index in one.Keys)
        {
            Assert.Multiple(() =>
            {
                Assert.That(three[index].Centroids, Is.EqualTo(one[index].Centroids));
                Assert.That(three[index].Labels, Is.EqualTo(one[index].Labels));
                Assert.That(three[index].Distortion, Is.EqualTo(one[index].Distortion));
                Assert.That(three[index].HeldOutDistortion, Is.EqualTo(one[index].HeldOutDistortion));
                Assert.That(copied[index].Centroids, Is.EqualTo(one[index].Centroids));
            });
        }
    }

    [Test]
    public void KMeansQuantizer_FitsAndPredicts()
    {
        Half[] rows = TestRows.Gaussian(70, Dimension, seed: 1);
        var quantizer = new KMeansQuantizer(new() { CentroidCount = 5 });
        Assert.That(() => quantizer.Labels, Throws.TypeOf<UsageException>());
        quantizer.Fit(rows, Dimension);
        double expected = ReferenceKMeans.Distortion(ReferenceKMeans.ToDouble(rows), quantizer.ClusterCenters, Dimension) * 70;
        Assert.Multiple(() =>
        {
            Assert.That(quantizer.Inertia, Is.EqualTo(expected).Within(1e-5 * expected));
            Assert.That(quantizer.Predict(rows), Is.EqualTo(quantizer.Labels));
            Assert.That(quantizer.IterationCount, Is.GreaterThan(0));
            Assert.That(() => quantizer.Predict(rows.AsSpan(1)), Throws.TypeOf<UsageException>());
        });
    }

    [Test]
    public void Matrices_ThatArePartsOfWiderOnes_AreTakenAsTheirRows()
    {
        const int Wide = Dimension + 3, Count = 40;
        Half[] wide = TestRows.Gaussian(Count, Wide, seed: 3);
        ReadOnlySpan2D<Half> part = new ReadOnlySpan2D<Half>(wide, Count, Wide).Slice(0, 2, Count, Dimension);
        Half[] rows = [.. Enumerable.Range(0, Count).SelectMany(i => wide[((i * Wide) + 2)..((i * Wide) + 2 + Dimension)])];
        KMeansQuantizer of = new KMeansQuantizer(new() { CentroidCount = 4 }).Fit(part), plain = new KMeansQuantizer(new() { CentroidCount = 4 }).Fit(rows, Dimension);
        ReadOnlySpan2D<float> centroids = of.Result.CentroidRows();
        Assert.That(of.ClusterCenters, Is.EqualTo(plain.ClusterCenters));
        Assert.That(of.Predict(part), Is.EqualTo(plain.Labels));
        Assert.That((centroids.Height, centroids.Width, centroids[3, 1]), Is.EqualTo((4, Dimension, plain.ClusterCenters[(3 * Dimension) + 1])));
        Assert.That(() => of.Predict(new ReadOnlySpan2D<Half>(wide, Count, Wide)), Throws.TypeOf<UsageException>());
        Assert.That(
            EnergyTerms.Measure(new ArrayLatentSource(Dimension, rows), 0, centroids.Slice(1, 0, 2, Dimension)),
            Is.EqualTo(EnergyTerms.Measure(new ArrayLatentSource(Dimension, rows), 0, of.ClusterCenters.AsSpan(Dimension, 2 * Dimension))));
    }

    private static ArrayLatentSource Source(params int[] rows) => Source(true, rows);

    private static ArrayLatentSource Source(bool inPlace, params int[] rows) =>
        new(Dimension, [.. rows.Select((count, index) => TestRows.Gaussian(count, Dimension, (ulong)index))]) { InPlace = inPlace };

    private static Dictionary<int, ClassQuantization> FitAll(ArrayLatentSource source, QuantizerOptions options)
    {
        var results = new Dictionary<int, ClassQuantization>();
        using var quantizer = new CpuQuantizer();
        quantizer.Fit(source, options, result => results.Add(result.ClassIndex, result), null, NullProgress.Instance, default);
        return results;
    }
}
