using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Tests.Sessions;

public class ProviderSelectionTests
{
    private static readonly string[] s_cpu = ["CPUExecutionProvider"];
    private static readonly string[] s_cuda = ["CUDAExecutionProvider", "CPUExecutionProvider"];
    private static readonly string[] s_all = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"];

    [Test]
    public void Choose_Auto_PrefersCudaAndNeverTensorRt() => Assert.Multiple(() =>
    {
        Assert.That(ProviderSelection.Choose(ExecutionProvider.Auto, s_cpu, "1"), Is.EqualTo(ExecutionProvider.Cpu));
        Assert.That(ProviderSelection.Choose(ExecutionProvider.Auto, s_cuda, "1"), Is.EqualTo(ExecutionProvider.Cuda));
        Assert.That(ProviderSelection.Choose(ExecutionProvider.Auto, s_all, "1"), Is.EqualTo(ExecutionProvider.Cuda));
    });

    [Test]
    public void Choose_Explicit_IsTakenOrRefused() => Assert.Multiple(() =>
    {
        Assert.That(ProviderSelection.Choose(ExecutionProvider.Cpu, s_all, "1"), Is.EqualTo(ExecutionProvider.Cpu));
        Assert.That(ProviderSelection.Choose(ExecutionProvider.Cuda, s_cuda, "1"), Is.EqualTo(ExecutionProvider.Cuda));
        Assert.That(ProviderSelection.Choose(ExecutionProvider.TensorRt, s_all, "1"), Is.EqualTo(ExecutionProvider.TensorRt));
        Assert.That(() => ProviderSelection.Choose(ExecutionProvider.Cuda, s_cpu, "1.31.1"), Throws.InstanceOf<DeviceUnavailableException>().With.Message.Contains("1.31.1"));
        Assert.That(() => ProviderSelection.Choose(ExecutionProvider.TensorRt, s_cuda, "1"), Throws.InstanceOf<DeviceUnavailableException>().With.Message.Contains("tensorrt"));
    });

    [TestCase("Failed to load library /a b/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file: No such file or directory", "libcublasLt.so.13 is not found")]
    [TestCase("CUDA failure 35: CUDA driver version is insufficient\nmore", "CUDA driver version is insufficient")]
    public void DoesNotStart_NamesTheMissingLibraryOrTheCause(string message, string expected)
    {
        DeviceUnavailableException error = ProviderSelection.DoesNotStart(ExecutionProvider.Cuda, 0, new InvalidOperationException(message));
        Assert.That(error.Message, Does.EndWith(expected));
        Assert.That(error.ExitCode, Is.EqualTo(3));
    }
}
