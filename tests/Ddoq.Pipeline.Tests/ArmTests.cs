using Ddoq.Quantization;

namespace Ddoq.Pipeline.Tests;

public class ArmTests
{
    [Test]
    public void Parse_KeepsTheOrder_AndDropsRepetitions()
    {
        IReadOnlyList<Arm> arms = Arm.Parse("noise, ddoq,noise,direct", WeightRule.SquareRoot);
        Assert.Multiple(() =>
        {
            Assert.That(arms.Select(arm => arm.Name), Is.EqualTo(new[] { "noise", "ddoq", "direct" }));
            Assert.That(arms.Select(arm => arm.Weights), Is.EqualTo(new WeightRule?[] { null, null, WeightRule.Direct }));
            Assert.That(arms.Select(arm => arm.Set), Is.EqualTo(new[] { SetRecipe.Noise, SetRecipe.Ddoq, SetRecipe.Ddoq }));
        });
    }

    [Test]
    public void Parse_KnowsTheControlsOfTheDecoder()
    {
        IReadOnlyList<Arm> arms = Arm.Parse("decoded,random-decoded", WeightRule.Direct);
        Assert.That(arms.Select(arm => (arm.Set, arm.Weights)), Is.EqualTo(new[] { (SetRecipe.Decoded, (WeightRule?)null), (SetRecipe.RandomDecoded, null) }));
    }

    [Test]
    public void ReweightedImages_AreThoseOfDdoq_AndNoDiffusionIsRunForThem()
    {
        Arm[] arms = [.. Arm.Parse("reweighted,selected,selected-w2,rded", WeightRule.SquareRoot)];
        Assert.That(arms.Select(arm => arm.Set.IsGenerated), Is.EqualTo(new[] { false, true, true, false }));
        Assert.That(arms.Select(arm => arm.Set.Prototypes?.Name), Is.EqualTo(new[] { "ddoq", "support", "ddoq", null }));
    }

    [TestCase("")]
    [TestCase("ddoq,hearding")]
    [TestCase("full")]
    public void Parse_RefusesUnknownNames_AndNone(string list) =>
        Assert.That(() => Arm.Parse(list, WeightRule.None), Throws.InstanceOf<UsageException>());
}
