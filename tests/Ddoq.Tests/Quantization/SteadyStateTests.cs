using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

public class SteadyStateTests
{
    [Test]
    public void SecondClass_AllocatesItsResultAlone([Values] QuantizationAlgorithm algorithm, [Values(QuantizationSpace.Gram, QuantizationSpace.Direct)] QuantizationSpace space)
    {
        const int Dimension = 64, Rows = 200, Centroids = 20;
        var source = new ArrayLatentSource(Dimension, TestRows.Gaussian(Rows, Dimension, seed: 70));
        var options = new QuantizerOptions { CentroidCount = Centroids, Algorithm = algorithm, Space = space, Passes = 5, BatchSize = 30 };
        using var quantizer = new CpuQuantizer();
        quantizer.FitClass(source, 0, options, default);
        long before = GC.GetAllocatedBytesForCurrentThread();
        ClassQuantization result = quantizer.FitClass(source, 0, options, default);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        long arrays = (4L * result.Centroids.Length) + (4 * result.Labels.Length) + (8 * result.Counts.Length);

        // Iterations number between 5 and 1000 here: a few bytes each would show.
        Assert.That(allocated, Is.LessThan(arrays + 2500), $"{result.IterationCount} iterations");
    }
}
