using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Onnx.Text;

namespace Ddoq.Onnx.Tests.Text;

public class PromptTemplateTests
{
    private static readonly string[] s_names = ["n02102040", "Ankle boot"];

    [TestCase("a photo of {class}", "T-shirt/top", "a photo of T-shirt/top")]
    [TestCase("{class}, {class}", "French_horn", "French horn, French horn")]
    public void Format_PutsTheNameInPlace(string template, string name, string expected) =>
        Assert.That(PromptTemplate.Parse(template).Format(name), Is.EqualTo(expected));

    [Test]
    public void Parse_WithoutAPlace_IsRefused() =>
        Assert.That(() => PromptTemplate.Parse("a dog"), Throws.InstanceOf<UsageException>().With.Message.Contains("'a dog'").And.Message.Contains("same prompt"));

    [Test]
    public void ClassTexts_AreFoundByName_AfterATabOrTheFirstSpace()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("words.txt", "n01440764 tench, Tinca tinca\n\nAnkle boot\ta boot that ends at the ankle\nn02102040 English springer\n");
        Assert.That(ClassTexts.Load(path, s_names), Is.EqualTo(new[] { "English springer", "a boot that ends at the ankle" }));
    }

    [TestCase("n02102040 English springer\n", "lacks 1 of 2", "'Ankle boot'")]
    [TestCase("n02102040 a\nn02102040 b\n", "line 2", "twice")]
    [TestCase("n02102040\n", "line 1", "no words")]
    public void ClassTexts_ThatDoNotFit_AreNamed(string text, string first, string second)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("words.txt", text);
        Assert.That(() => ClassTexts.Load(path, s_names), Throws.InstanceOf<DdoqException>().With.Message.Contains(first).And.Message.Contains(second));
    }

    [Test]
    public void ClassTexts_OfAMissingFile_NameIt() =>
        Assert.That(() => ClassTexts.Load("no-such-words.txt", s_names), Throws.InstanceOf<DdoqException>().With.Message.Contains("no-such-words.txt"));
}
