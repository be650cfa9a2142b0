using Ddoq.Onnx.Schedulers;

namespace Ddoq.Onnx.Tests.Schedulers;

public class StartLevelTests
{
    private static readonly double[] s_alphaBars = [0.01, 0.05, 0.1, 0.3, 0.9];

    [TestCase(0.001, 0)]
    [TestCase(0.029, 0)]
    [TestCase(0.031, 1)]
    [TestCase(0.0819, 2)]
    [TestCase(0.95, 4)]
    public void SelectIndex_ByAlphaBar_TakesTheNearest(double alphaBar, int expected) =>
        Assert.That(StartLevel.FromAlphaBar(alphaBar).SelectIndex(s_alphaBars), Is.EqualTo(expected));

    [Test]
    public void SelectIndex_BetweenTwoEquallyNear_TakesTheNoisier() =>
        Assert.That(StartLevel.FromAlphaBar(0.5).SelectIndex([0.25, 0.75]), Is.Zero);

    [TestCase(1, 0)]
    [TestCase(0.99, 1)]
    [TestCase(0.6, 2)]
    [TestCase(0.2, 4)]
    public void SelectIndex_ByStrength_RunsThatShareOfTheSteps(double strength, int expected) =>
        Assert.That(StartLevel.FromStrength(strength).SelectIndex(s_alphaBars), Is.EqualTo(expected));

    [Test]
    public void SelectIndex_OfPureNoise_IsTheFirst() =>
        Assert.That(StartLevel.PureNoise.SelectIndex(s_alphaBars), Is.Zero);

    [Test]
    public void FromAlphaBar_Of1_IsNoDiffusion()
    {
        StartLevel level = StartLevel.FromAlphaBar(1);
        Assert.That((level.IsNoDiffusion, level.IsPureNoise, level.SelectIndex(s_alphaBars)), Is.EqualTo((true, false, s_alphaBars.Length)));
        Assert.That(level, Is.EqualTo(StartLevel.NoDiffusion).And.Not.EqualTo(StartLevel.FromAlphaBar(0.999)));
    }

    [Test]
    public void SelectIndex_WhenTheStrengthLeavesNoStep_IsRefused() =>
        Assert.That(() => StartLevel.FromStrength(0.1).SelectIndex(s_alphaBars), Throws.InstanceOf<UsageException>().With.Message.Contains("no step"));

    [Test]
    public void From_OutOfRange_IsRefused([Values(0, 1, -0.5, double.NaN)] double value)
    {
        Assert.That(() => StartLevel.FromAlphaBar(value == 1 ? 1.01 : value), Throws.InstanceOf<UsageException>());
        Assert.That(() => StartLevel.FromStrength(value == 1 ? 1.01 : value), Throws.InstanceOf<UsageException>());
    }
}
