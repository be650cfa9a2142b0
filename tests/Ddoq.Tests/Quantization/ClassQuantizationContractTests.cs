using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>What every algorithm in every space promises about its result, against fp64.</summary>
public class ClassQuantizationContractTests
{
    private static readonly int[] RowCounts = [1, 2, 3, 7, 8, 9, 31, 32, 33, 127, 128, 129, 257];

    [Test]
    public void Result_KeepsItsPromises(
        [Values] QuantizationAlgorithm algorithm,
        [Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space,
        [ValueSource(nameof(RowCounts))] int rows)
    {
        foreach ((int dimension, int centroids) in new[] { (1, 1), (3, 2), (33, 5), (64, rows), (520, rows + 1), (17, Math.Max(1, rows / 3)) })
        {
            Half[] data = TestRows.Gaussian(rows, dimension, seed: 5);
            var options = new QuantizerOptions { CentroidCount = centroids, Algorithm = algorithm, Space = space, Seed = 11, Passes = 2, BatchSize = 20 };
            using var quantizer = new CpuQuantizer();
            ClassQuantization result = quantizer.FitClass(new ArrayLatentSource(dimension, data), 0, options, default);
            string where = $"N={rows} D={dimension} K={centroids} seed=11";
            Check(result, data, dimension, centroids, where);
        }
    }

    [Test]
    public void HeldOutRows_AreLeftOutOfTheFit_AndMeasured(
        [Values] QuantizationAlgorithm algorithm,
        [Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space)
    {
        const int Rows = 101, Dimension = 40;
        Half[] data = TestRows.Gaussian(Rows, Dimension, seed: 6);
        var options = new QuantizerOptions { CentroidCount = 6, Algorithm = algorithm, Space = space, HoldOutFraction = 0.3 };
        using var quantizer = new CpuQuantizer();
        ClassQuantization result = quantizer.FitClass(new ArrayLatentSource(Dimension, data), 0, options, default);
        double total = ReferenceKMeans.Distortion(ReferenceKMeans.ToDouble(data), result.Centroids, Dimension) * Rows;
        Assert.Multiple(() =>
        {
            Assert.That(result.HeldOutRowCount, Is.EqualTo(30));
            Assert.That(result.Counts.Sum(), Is.EqualTo(Rows));
            Assert.That((result.Distortion * 71) + (result.HeldOutDistortion!.Value * 30), Is.EqualTo(total).Within(1e-5 * total));
            Assert.That(result.HeldOutDistortion, Is.GreaterThan(result.Distortion), "rows of the fit lie nearer to their means");
        });
    }

    private static void Check(ClassQuantization result, Half[] data, int dimension, int requested, string where)
    {
        int rows = data.Length / dimension;
        double[] exact = ReferenceKMeans.ToDouble(data);
        double expected = ReferenceKMeans.Distortion(exact, result.Centroids, dimension);
        Assert.Multiple(() =>
        {
            Assert.That(result.RowCount, Is.EqualTo(rows), where);
            Assert.That(result.RequestedCentroidCount, Is.EqualTo(requested), where);
            Assert.That(result.CentroidCount, Is.EqualTo(Math.Min(requested, rows)), where);
            Assert.That(result.Centroids, Has.Length.EqualTo(result.CentroidCount * dimension).And.All.Not.NaN, where);
            Assert.That(result.Counts.Sum(), Is.EqualTo(rows), where);
            Assert.That(result.EmptyCells, Is.EqualTo(result.Counts.Count(count => count == 0)), where);
            Assert.That(result.EffectiveCells, Is.InRange(0.999, result.CentroidCount + 0.001), where);
            Assert.That(result.Distortion, Is.EqualTo(expected).Within((1e-5 * expected) + 1e-9), where);
            Assert.That(result.HeldOutDistortion, Is.Null, where);
        });
        for (int i = 0; i < rows; i++)
        {
            double nearest = ReferenceKMeans.Nearest(exact, i, result.Centroids, dimension).Distance;
            double labelled = ReferenceKMeans.SquaredDistance(exact, i, result.Centroids, result.Labels[i], dimension);
            Assert.That(labelled, Is.EqualTo(nearest).Within((1e-5 * nearest) + (1e-5 * dimension)), $"{where} row {i}");
        }

        for (int k = 0; k < result.CentroidCount; k++)
            Assert.That(result.Labels.Count(label => label == k), Is.EqualTo(result.Counts[k]), $"{where} centre {k}");
    }
}
