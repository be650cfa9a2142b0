namespace Ddoq.Cli.Tests;

/// <summary>What the program says and does about CUDA devices, without one and on the emulated one.</summary>
public class DeviceTests
{
    private static readonly string s_emulation = Path.Combine(Program.RepositoryRoot, "build", "native", "native", "emulation");

    [TearDown]
    public void ForgetTheDriver() => UseDriver(null, null);

    [Test]
    public void Cuda_WithoutADriver_IsExitCode3_AndSaysWhatWasTried()
    {
        UseDriver("/nowhere/libcuda.so", null);
        Program.Run("bench", "kernels").FailedWith(3, "/nowhere/libcuda.so", "--device cpu");
        string doctor = Program.Run("doctor", "--json").Output;
        Assert.That(doctor, Does.Contain("CUDA driver").And.Contain("/nowhere/libcuda.so").And.Contain("absent").And.Contain("CUDA kernels"));
    }

    // Encoding takes minutes to hours: the device is looked at first, and nothing is written.
    [TestCase("distill")]
    [TestCase("distill", "--dry-run")]
    [TestCase("distill", "--data-dir", "/nowhere/data")]
    [TestCase("quantize", "--latents", "/nowhere/latents", "--ipc", "1")]
    public void Cuda_WithoutADriver_EndsBeforeAnythingIsReadOrWritten(params string[] command)
    {
        UseDriver("/nowhere/libcuda.so", null);
        string output = Path.Combine(Path.GetTempPath(), $"ddoq-device-{Guid.NewGuid():N}");
        Program.Run([.. command, "-o", output, "--device", "cuda"]).FailedWith(3, "/nowhere/libcuda.so", "--device cpu");
        Assert.That(Directory.Exists(output), Is.False, "something was written");
    }

    [Test]
    public void KernelBench_ListsWithoutADevice()
    {
        UseDriver("/nowhere/libcuda.so", null);
        Assert.That(Program.Run("bench", "kernels", "--list", "--filter", "gram").Succeeded().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EquivalentTo(new[] { "ddoq_gram_fma_f32", "ddoq_gram_tensor_bf16", "ddoq_gram_tensor_f16" }));
    }

    [Test]
    public void EmulatedDevice_IsNamedByDoctor_AndGivesNoSpeed()
    {
        UseEmulation();
        string doctor = Program.Run("doctor").Output;
        Assert.That(doctor, Does.Contain("emulated: logic only, no speed").And.Contain("CUDA device 0").And.Contain("the kernels load"));
        string bench = Program.Run("bench", "kernels", "--filter", "norms_f16", "--md", "--quiet").Succeeded().Output;
        Assert.That(bench, Does.Contain("| ddoq_norms_f16 |").And.Contain("emulated: no speed"));
        Program.Run("bench", "kernels", "--json", "--csv").FailedWith(2, "--json", "--csv");
    }

    [Test]
    public void Device_ThatDoesNotExist_IsNamedWithThoseThatDo()
    {
        UseEmulation();
        string output = Path.Combine(Path.GetTempPath(), $"ddoq-device-{Guid.NewGuid():N}");
        Program.Run("distill", "-o", output, "--device", "cuda:7").FailedWith(3, "device 7", "devices 0 to 0");
        Assert.That(Directory.Exists(output), Is.False, "something was written");
    }

    private static void UseEmulation()
    {
        string driver = Path.Combine(s_emulation, "libddoq_emulated_cuda.so");
        if (!File.Exists(driver))
            Assert.Ignore($"there is no emulated CUDA driver at {driver}: cmake --build build/native --target ddoq_emulated_cuda");
        UseDriver(driver, Path.Combine(s_emulation, "ddoq_kernels.emulated"));
    }

    // The program, a process of its own, inherits these.
    private static void UseDriver(string? driver, string? kernels)
    {
        Environment.SetEnvironmentVariable("DDOQ_CUDA_DRIVER", driver);
        Environment.SetEnvironmentVariable("DDOQ_KERNELS", kernels);
    }
}
