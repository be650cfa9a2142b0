using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

public class QuantizerOptionsTests
{
    private static readonly QuantizerOptions Valid = new() { CentroidCount = 3 };

    private static IEnumerable<TestCaseData> Wrong()
    {
        yield return new TestCaseData(Valid with { CentroidCount = 0 }, "CentroidCount").SetName("CentroidCount 0");
        yield return new TestCaseData(Valid with { BatchSize = 0 }, "BatchSize").SetName("BatchSize 0");
        yield return new TestCaseData(Valid with { Passes = -1 }, "Passes").SetName("Passes -1");
        yield return new TestCaseData(Valid with { MaxIterations = 0 }, "MaxIterations").SetName("MaxIterations 0");
        yield return new TestCaseData(Valid with { Restarts = 0 }, "Restarts").SetName("Restarts 0");
        yield return new TestCaseData(Valid with { KmExpand = 0 }, "KmExpand").SetName("KmExpand 0");
        yield return new TestCaseData(Valid with { MaxNoImprovement = 0 }, "MaxNoImprovement").SetName("MaxNoImprovement 0");
        yield return new TestCaseData(Valid with { Workers = -1 }, "Workers").SetName("Workers -1");
        yield return new TestCaseData(Valid with { Tolerance = double.NaN }, "Tolerance").SetName("Tolerance NaN");
        yield return new TestCaseData(Valid with { ReassignmentRatio = 1 }, "ReassignmentRatio").SetName("ReassignmentRatio 1");
        yield return new TestCaseData(Valid with { HoldOutFraction = 1 }, "HoldOutFraction").SetName("HoldOutFraction 1");
        yield return new TestCaseData(Valid with { HoldOutFraction = -0.1 }, "HoldOutFraction").SetName("HoldOutFraction -0.1");
        yield return new TestCaseData(Valid with { Algorithm = (QuantizationAlgorithm)99 }, "Algorithm").SetName("Algorithm 99");
        yield return new TestCaseData(Valid with { Space = (QuantizationSpace)99 }, "Space").SetName("Space 99");
        yield return new TestCaseData(Valid with { Initialization = CentroidInitialization.Given }, "InitialCentroids").SetName("Given without centroids");
    }

    [TestCaseSource(nameof(Wrong))]
    public void Validate_NamesTheSetting(QuantizerOptions options, string name) =>
        Assert.That(options.Validate, Throws.TypeOf<UsageException>().With.Message.Contains(name));

    [Test]
    public void Validate_AcceptsTheDefaults() => Assert.That(Valid.Validate, Throws.Nothing);

    [TestCase(0, 1)]
    [TestCase(-1, 1)]
    [TestCase(2, 0.5)]
    [TestCase(1, double.NaN)]
    public void Decaying_RefusesStepsAboveOne(double scale, double offset) =>
        Assert.That(() => ClvqStepRule.Decaying(scale, offset), Throws.TypeOf<UsageException>());
}
