using Ddoq.Training.Runtime;

namespace Ddoq.Training.Tests;

/// <summary>Tests use torch themselves, so it is loaded before the first of them.</summary>
[SetUpFixture]
public sealed class LoadTorch
{
    [OneTimeSetUp]
    public void Load() => TorchRuntime.EnsureLoaded(TestContext.Progress.WriteLine);
}
