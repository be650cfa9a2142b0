using Ddoq.Storage;

namespace Ddoq.Tests.Storage;

public class ContentHashTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    // The examples of FIPS 180-2, and the empty message.
    [TestCase("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [TestCase("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")]
    [TestCase("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    public void OfText_And_OfFile_KnownAnswers(string text, string hash)
    {
        File.WriteAllText(_folder["f"], text);
        Assert.Multiple(() =>
        {
            Assert.That(ContentHash.OfText(text), Is.EqualTo(hash));
            Assert.That(ContentHash.OfFile(_folder["f"]), Is.EqualTo(hash));
        });
    }

    [Test]
    public void OfFile_LongerThanTheBuffer_EqualsOfBytes()
    {
        byte[] bytes = new byte[(3 << 20) + 7];
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)(i * 31 >> 3);
        File.WriteAllBytes(_folder["f"], bytes);
        Assert.That(ContentHash.OfFile(_folder["f"]), Is.EqualTo(ContentHash.OfBytes(bytes)));
    }

    [Test]
    public void OfFolder_DependsOnNamesAndContents_NotOnOrderOrLeftovers()
    {
        string original = Fill("a", ["x/1", "x/2", "y/1"], "content");
        string same = Fill("b", ["y/1", "x/2", "x/1"], "content");
        File.WriteAllText(_folder["b", ".z.1-1.partial"], "leftover");
        Assert.Multiple(() =>
        {
            Assert.That(ContentHash.OfFolder(same), Is.EqualTo(ContentHash.OfFolder(original)));
            foreach (string changed in (string[])[Fill("c", ["x/1", "x/2", "y/2"], "content"), Fill("d", ["x/1", "x/2"], "content"), Fill("e", ["x/1", "x/2", "y/1"], "longer content")])
                Assert.That(ContentHash.OfFolder(changed), Is.Not.EqualTo(ContentHash.OfFolder(original)));

            string replaced = Fill("f", ["x/1", "x/2", "y/1"], "CONTENT");
            Assert.That(ContentHash.OfFolder(replaced), Is.Not.EqualTo(ContentHash.OfFolder(original)));
        });
    }

    [Test]
    public void MissingInput_IsNamed()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        File.WriteAllText(_folder["f"], "x");
        Assert.Multiple(() =>
        {
            Assert.That(() => ContentHash.OfFile(_folder["absent"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("no such file"));
            Assert.That(() => ContentHash.OfFolder(_folder["absent"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("no such folder"));
            Assert.That(() => ContentHash.OfFile(_folder["f"], cancelled.Token), Throws.InstanceOf<OperationCanceledException>());
        });
    }

    private string Fill(string name, string[] files, string content)
    {
        foreach (string file in files)
        {
            string path = _folder[name, file];
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, content);
        }

        return _folder[name];
    }
}
