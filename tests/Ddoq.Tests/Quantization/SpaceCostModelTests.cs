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
    [TestCase(QuantizationAlgorithm.Hartigan, 1000, 10, 16, QuantizationSpace.Direct, TestName = "many rows of few values, 1.5 times as fast")]
    [TestCase(QuantizationAlgorithm.Hartigan, 5000, 10, 16, QuantizationSpace.Direct, TestName = "more rows of few values, 9 times as fast at four starts")]
    [TestCase(QuantizationAlgorithm.Lloyd, 4000, 100, 64, QuantizationSpace.Direct, TestName = "a matrix out of the cache")]
    [TestCase(QuantizationAlgorithm.Hartigan, 300, 10, 16, QuantizationSpace.Gram, TestName = "few rows of few values")]
    [TestCase(QuantizationAlgorithm.Hartigan, 2000, 50, 1024, QuantizationSpace.Gram, TestName = "a matrix of 16 MB that long rows pay for")]
    public void Choose_TakesTheCheaper(QuantizationAlgorithm algorithm, int rows, int centroids, int dimension, QuantizationSpace expected) =>
        Assert.That(SpaceCostModel.Choose(new() { CentroidCount = centroids, Algorithm = algorithm }, rows, centroids, dimension), Is.EqualTo(expected));

    [TestCase(6000, 256, QuantizationSpace.Direct)]
    [TestCase(1200, 256, QuantizationSpace.Gram)]
    [TestCase(5000, 16, QuantizationSpace.Direct)]
    public void Choose_CountsTheStarts(int rows, int dimension, QuantizationSpace expected) =>
        Assert.That(SpaceCostModel.Choose(new() { CentroidCount = 10, Restarts = 4 }, rows, 10, dimension), Is.EqualTo(expected));

    [TestCase(QuantizationSpace.Gram)]
    [TestCase(QuantizationSpace.Direct)]
    public void Choose_ObeysTheOptions(QuantizationSpace space) =>
        Assert.That(SpaceCostModel.Choose(new() { CentroidCount = 10, Space = space }, 20000, 10, 16), Is.EqualTo(space));
}
