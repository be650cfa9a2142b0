using Ddoq.Training.Runtime;
using TorchSharp;

namespace Ddoq.Training.Tests.Runtime;

public sealed class TorchRuntimeTests
{
    [Test]
    public void EnsureLoaded_Again_DoesNothingAndTorchComputes()
    {
        TorchRuntime.EnsureLoaded(_ => Assert.Fail("Torch was loaded before; there is nothing to say."));

        using torch.Tensor sum = torch.ones(3, 5).sum();

        Assert.That(sum.item<float>(), Is.EqualTo(15f));
    }

    [Test]
    public void EnsureLoaded_LeavesTheFileInTheOutputUnchanged()
    {
        string? path = TorchRuntime.FindNative("libLibTorchSharp.so");
        if (path is null)
            Assert.Ignore("libLibTorchSharp.so is not beside the tests (not Linux x64)");

        var image = new ElfImage(File.ReadAllBytes(path!), path!);

        Assert.That(image.ReadVersionNeeds().All(need => need.Flags == 0));
    }
}
