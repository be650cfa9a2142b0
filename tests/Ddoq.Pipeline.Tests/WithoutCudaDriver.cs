namespace Ddoq.Pipeline.Tests;

/// <summary>These tests run on the processor everywhere: no CUDA driver is found, whatever the machine has.</summary>
[SetUpFixture]
public class WithoutCudaDriver
{
    public const string Driver = "/nowhere/libcuda.so";

    // Before anything looks for the driver, which happens once in a process.
    [OneTimeSetUp]
    public void HideTheDriver() => Environment.SetEnvironmentVariable("DDOQ_CUDA_DRIVER", Driver);
}
