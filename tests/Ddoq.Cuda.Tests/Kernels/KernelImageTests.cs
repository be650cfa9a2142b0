using Ddoq.Cuda.Kernels;

namespace Ddoq.Cuda.Tests.Kernels;

public class KernelImageTests
{
    private string _folder = string.Empty;

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("ddoq-kernels-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Places_AreTriedInOrder()
    {
        string chosen = Write("chosen.bin", 1), beside = Write("ddoq_kernels.fatbin", 3);
        Assert.Multiple(() =>
        {
            Assert.That(KernelImage.Find(chosen, _folder, [2, 0]).Bytes, Is.EqualTo(new byte[] { 1, 0 }), "a zero follows");
            Assert.That(KernelImage.Find(null, _folder, [2, 0]).Bytes, Is.EqualTo(new byte[] { 2, 0 }));
            Assert.That(KernelImage.Find(null, _folder, [2, 0]).Origin, Is.EqualTo("embedded"));
            Assert.That(KernelImage.Find(string.Empty, _folder, null).Bytes, Is.EqualTo(new byte[] { 3, 0 }));
            Assert.That(KernelImage.Find(null, _folder, null).Origin, Is.EqualTo(beside));
        });
    }

    [Test]
    public void WithoutKernels_SaysWhatWasTried() => Assert.That(
        () => KernelImage.Find(null, _folder, null),
        Throws.TypeOf<DeviceUnavailableException>().With.Message.Contains("DDOQ_KERNELS").And.Message.Contains(_folder).And.Property(nameof(DdoqException.Hint)).Contains("nvcc"));

    [Test]
    public void FileThatIsNotThere_IsNamed() => Assert.That(
        () => KernelImage.Find(Path.Combine(_folder, "nowhere"), _folder, [2, 0]),
        Throws.TypeOf<DeviceUnavailableException>().With.Message.Contains("DDOQ_KERNELS").And.Message.Contains("nowhere"));

    private string Write(string name, byte content)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, [content]);
        return path;
    }
}
