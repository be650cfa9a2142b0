using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

public class MiniBatchStepTests
{
    private static readonly QuantizationSpace[] Spaces = [QuantizationSpace.Gram, QuantizationSpace.Direct];

    [TestCaseSource(nameof(Spaces))]
    public void CentroidWithoutRows_IsReplacedByARowOfTheBatch(QuantizationSpace space)
    {
        ClassQuantization result = Fit(space, ratio: 0.01);
        Assert.Multiple(() =>
        {
            Assert.That(result.EmptyCells, Is.Zero);
            Assert.That(result.RunningCounts, Has.None.Zero, "it takes the lowest count of the others");
        });
    }

    [TestCaseSource(nameof(Spaces))]
    public void ReplacedCentroid_TakesTheLowestCountOfTheOthers(QuantizationSpace space)
    {
        // One buffer holds all rows, so nothing is counted after the replacement.
        long[] counts = Fit(space, ratio: 0.01, kmExpand: 20).RunningCounts!;
        Assert.That(counts[0] + counts[1], Is.EqualTo(60));
        Assert.That(counts[2], Is.EqualTo(Math.Min(counts[0], counts[1])));
    }

    [TestCaseSource(nameof(Spaces))]
    public void RatioZero_NeverReplaces(QuantizationSpace space)
    {
        ClassQuantization result = Fit(space, ratio: 0);
        Assert.Multiple(() =>
        {
            Assert.That(result.EmptyCells, Is.EqualTo(1));
            Assert.That(result.RunningCounts![2], Is.Zero);
            Assert.That(result.Centroids[^1], Is.EqualTo(100f).Within(1e-3), "it stays where it was");
        });
    }

    [TestCaseSource(nameof(Spaces))]
    public void D4m_DropsTheRowsThatDoNotFillABuffer(QuantizationSpace space)
    {
        const int Dimension = 4;
        Half[] rows = TestRows.Gaussian(23, Dimension, seed: 60);
        using var quantizer = new CpuQuantizer();
        var options = new QuantizerOptions { CentroidCount = 3, KmExpand = 2, Algorithm = QuantizationAlgorithm.D4m, Space = space, ReassignmentRatio = 0 };
        ClassQuantization all = quantizer.FitClass(new ArrayLatentSource(Dimension, rows), 0, options, default);
        ClassQuantization full = quantizer.FitClass(new ArrayLatentSource(Dimension, rows[..(18 * Dimension)]), 0, options, default);
        Assert.Multiple(() =>
        {
            Assert.That(all.IterationCount, Is.EqualTo(3));
            Assert.That(all.RunningCounts!.Sum(), Is.EqualTo(18));
            Assert.That(all.Counts.Sum(), Is.EqualTo(23), "the final assignment takes all rows");
            Assert.That(all.Centroids.Zip(full.Centroids, (x, y) => x - y), Is.All.EqualTo(0).Within(1e-5));
        });
    }

    // Three centres, one of them nowhere near the rows.
    private static ClassQuantization Fit(QuantizationSpace space, double ratio, int kmExpand = 4)
    {
        const int Dimension = 2;
        Half[] rows = TestRows.Gaussian(60, Dimension, seed: 61);
        using var quantizer = new CpuQuantizer();
        return quantizer.FitClass(
            new ArrayLatentSource(Dimension, rows),
            0,
            new()
            {
                CentroidCount = 3,
                KmExpand = kmExpand,
                Algorithm = QuantizationAlgorithm.D4m,
                Space = space,
                ReassignmentRatio = ratio,
                Initialization = CentroidInitialization.Given,
                InitialCentroids = [[-1, 0, 1, 0, 100, 100]],
            },
            default);
    }
}
