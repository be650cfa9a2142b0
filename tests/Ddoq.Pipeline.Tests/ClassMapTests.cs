namespace Ddoq.Pipeline.Tests;

public class ClassMapTests
{
    [Test]
    public void Match_FollowsNames_NotPositions() =>
        Assert.That(ClassMap.Match(["b", "c", "a"], ["a", "b", "c", "d"], "the model"), Is.EqualTo(new[] { 1, 2, 0 }));

    [Test]
    public void Match_TakesTheFolderNameOfAClass() =>
        Assert.That(ClassMap.Match(["T-shirt_top"], ["Bag", "T-shirt/top"], "the model"), Is.EqualTo(new[] { 1 }));

    [Test]
    public void Match_NamesWhatIsUnknown()
    {
        DdoqException error = Assert.Throws<DdoqException>(() => ClassMap.Match(["Bag", "Umbrella"], ["Bag"], "the teacher x"))!;
        Assert.That(error.Message, Does.Contain("Umbrella").And.Contain("the teacher x").And.Not.Contain("'Bag', 'Umbrella'"));
    }

    [Test]
    public void Match_RefusesANetworkWithOneNameTwice() =>
        Assert.That(() => ClassMap.Match(["Bag"], ["Bag", "Bag"], "the model"), Throws.InstanceOf<DdoqException>().With.Message.Contain("twice"));
}
