using System.Globalization;
using Ddoq.Cuda;
using Ddoq.Quantization;

namespace Ddoq.Pipeline;

/// <summary>Chooses the quantiser for <c>--device</c>.</summary>
public static class QuantizerFactory
{
    private const string IndexedPrefix = "cuda:";

    /// <summary>Creates a quantiser.</summary>
    /// <param name="device">auto, cpu, cuda (all devices) or cuda:i.</param>
    /// <param name="progress">Is told what <c>auto</c> chose, and why.</param>
    /// <param name="hasSampleWeights">Whether rows have weights: then <c>auto</c> is the processor.</param>
    /// <exception cref="UsageException">The word is none of these.</exception>
    /// <exception cref="DeviceUnavailableException">CUDA was asked for and cannot be used; the message says what was tried.</exception>
    /// <exception cref="CudaException">CUDA was asked for and the driver failed.</exception>
    public static IQuantizer Create(string device, IProgressSink progress, bool hasSampleWeights = false)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(progress);
        return device switch
        {
            "cpu" => new CpuQuantizer(),
            "cuda" => new CudaQuantizer(),
            "auto" => hasSampleWeights ? ChooseCpu(progress, "The rows have sample weights, which run on the CPU.") : Choose(progress),
            _ when device.StartsWith(IndexedPrefix, StringComparison.Ordinal)
                && int.TryParse(device.AsSpan(IndexedPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int index) =>
                new CudaQuantizer(new CudaQuantizerOptions { Devices = [index] }),
            _ => throw new UsageException($"device '{device}' is unknown; allowed: auto, cpu, cuda, cuda:<index>"),
        };
    }

    /// <summary>Tries out a device that was asked for by name, so that a run that cannot use it ends before its first work.</summary>
    /// <param name="device">As for <see cref="Create"/>; <c>auto</c> and <c>cpu</c> always pass.</param>
    /// <exception cref="UsageException">The word is none of these.</exception>
    /// <exception cref="DeviceUnavailableException">The device cannot be used; the message says what was tried.</exception>
    /// <exception cref="CudaException">The driver failed.</exception>
    public static void Require(string device)
    {
        if (device != "auto")
            Create(device, NullProgress.Instance).Dispose();
    }

    private static IQuantizer Choose(IProgressSink progress)
    {
        try
        {
            var cuda = new CudaQuantizer();
            progress.Message($"device: {cuda.Description} (auto)");
            return cuda;
        }
        catch (DdoqException exception) when (exception is DeviceUnavailableException or CudaException)
        {
            return ChooseCpu(progress, exception.Message);
        }
    }

    private static CpuQuantizer ChooseCpu(IProgressSink progress, string reason)
    {
        var cpu = new CpuQuantizer();
        progress.Message($"device: {cpu.Description} (auto). {reason}");
        return cpu;
    }
}
