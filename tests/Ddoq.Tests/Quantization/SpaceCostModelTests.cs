using Ddoq.Quantization;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Tests.Quantization;

public class SpaceCostModelTests
{
    [TestCase(QuantizationAlgorithm.Hartigan, 1300, 50, 4096, QuantizationSpace.Gram, TestName = "many passes over few rows")]
    [TestCase(QuantizationAlgorithm.Hartigan, 1300, 10, 4096, QuantizationSpace.Gram, TestName = "the default at IPC 10")]
    [TestCase(QuantizationAlgorithm.D4m, 1300, 10, 4096, QuantizationSpace.Direct, TestName = "one pass")]
    [TestCase(QuantizationAlgorithm.Clvq, 1300, 10, 4096, QuantizationSpace.Direct, TestName = "one pass row by row")]
    [TestCase(QuantizationAlgorithm.Hartigan, 20000, 1000, 4096, QuantizationSpace.Direct, TestName = "a Gram matrix that would not fit")]
    public void Choose_TakesTheCheaper(QuantizationAlgorithm algorithm, int rows, int centroids, int dimension, QuantizationSpace expected) =>
        Assert.That(SpaceCostModel.Choose(new() { CentroidCount = centroids, Algorithm = algorithm }, rows, centroids, dimension), Is.EqualTo(expected));

    [TestCase(QuantizationSpace.Gram)]
    [TestCase(QuantizationSpace.Direct)]
    public void Choose_ObeysTheOptions(QuantizationSpace space) =>
        Assert.That(SpaceCostModel.Choose(new() { CentroidCount = 10, Space = space }, 20000, 10, 16), Is.EqualTo(space));
}
