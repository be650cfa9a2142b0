using Ddoq.Quantization;

namespace Ddoq.Pipeline.Tests;

/// <summary>The words of --device, on a machine whose CUDA driver cannot be loaded.</summary>
public class QuantizerFactoryTests
{
    [Test]
    public void Cuda_FailsHard_AndSaysWhatWasTried([Values("cuda", "cuda:0", "cuda:3")] string device)
    {
        DeviceUnavailableException failure = Assert.Throws<DeviceUnavailableException>(() => QuantizerFactory.Create(device, NullProgress.Instance))!;
        Assert.Multiple(() =>
        {
            Assert.That(failure.ExitCode, Is.EqualTo(3));
            Assert.That(failure.Message, Does.Contain("DDOQ_CUDA_DRIVER").And.Contain(WithoutCudaDriver.Driver));
            Assert.That(failure.Hint, Does.Contain("--device cpu"));
        });
    }

    [Test]
    public void Require_RefusesADeviceThatIsNotThere_AndAllowsTheOthers([Values("cuda", "cuda:0")] string device) => Assert.Multiple(() =>
    {
        Assert.That(() => QuantizerFactory.Require(device), Throws.TypeOf<DeviceUnavailableException>().With.Message.Contains(WithoutCudaDriver.Driver));
        Assert.That(() => QuantizerFactory.Require("auto"), Throws.Nothing);
        Assert.That(() => QuantizerFactory.Require("cpu"), Throws.Nothing);
        Assert.That(() => QuantizerFactory.Require("gpu"), Throws.TypeOf<UsageException>());
    });

    [Test]
    public void Auto_TakesTheProcessor_AndSaysWhy()
    {
        var said = new Messages();
        using IQuantizer quantizer = QuantizerFactory.Create("auto", said);
        Assert.That(quantizer, Is.TypeOf<CpuQuantizer>());
        Assert.That(said.Text, Does.Contain("CPU").And.Contain("auto").And.Contain(WithoutCudaDriver.Driver));
    }

    [Test]
    public void Auto_WithSampleWeights_IsTheProcessor_AndSaysWhy()
    {
        var said = new Messages();
        using IQuantizer quantizer = QuantizerFactory.Create("auto", said, hasSampleWeights: true);
        Assert.That(quantizer, Is.TypeOf<CpuQuantizer>());
        Assert.That(said.Text, Does.Contain("sample weights, which run on the CPU").And.Not.Contain(WithoutCudaDriver.Driver));
    }

    [Test]
    public void Cpu_SaysNothing()
    {
        var said = new Messages();
        using IQuantizer quantizer = QuantizerFactory.Create("cpu", said);
        Assert.That(quantizer, Is.TypeOf<CpuQuantizer>());
        Assert.That(said.Text, Is.Empty);
    }

    [TestCase("gpu")]
    [TestCase("cuda:")]
    [TestCase("cuda:-1")]
    [TestCase("cuda:x")]
    public void OtherWords_AreRefused(string device) =>
        Assert.That(() => QuantizerFactory.Create(device, NullProgress.Instance), Throws.TypeOf<UsageException>().With.Message.Contains(device));

    private sealed class Messages : IProgressSink
    {
        public string Text { get; private set; } = string.Empty;

        public void Begin(string stage, long total, string unit, long completed = 0)
        {
        }

        public void Advance(long units)
        {
        }

        public void End()
        {
        }

        public void Message(string text) => Text += text;
    }
}
