using Ddoq.Training.Runtime;

namespace Ddoq.Training.Tests.Runtime;

public sealed class PrivateLibraryTests
{
    private string _folder = "";

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("ddoq-library").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void WriteOnce_ManyThreads_LeavesOneWholeFile()
    {
        byte[] bytes = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * 31))];
        string path = Path.Combine(_folder, "a", "b", "library.so");
        var threads = Enumerable.Range(0, 8).Select(_ => new Thread(() => PrivateLibrary.WriteOnce(bytes, path))).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());

        Assert.That(File.ReadAllBytes(path), Is.EqualTo(bytes));
        Assert.That(Directory.GetFiles(Path.GetDirectoryName(path)!), Has.Length.EqualTo(1));
    }

    [Test]
    public void WriteOnce_DamagedFileOfTheSameLength_IsReplaced()
    {
        byte[] bytes = [1, 2, 3];
        string path = Path.Combine(_folder, "library.so");
        File.WriteAllBytes(path, [1, 2, 4]);

        PrivateLibrary.WriteOnce(bytes, path);

        Assert.That(File.ReadAllBytes(path), Is.EqualTo(bytes));
    }

    [Test]
    public void TryLoadFromFile_NotALibrary_GivesTheLinkersReason()
    {
        var reasons = new List<string>();

        bool loaded = PrivateLibrary.TryLoadFromFile([1, 2, 3], Path.Combine(_folder, "library.so"), reasons);

        Assert.That(loaded, Is.False);
        Assert.That(reasons, Has.Count.EqualTo(1));
    }
}
