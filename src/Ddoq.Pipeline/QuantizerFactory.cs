using Ddoq.Quantization;

namespace Ddoq.Pipeline;

/// <summary>Chooses the quantiser for <c>--device</c>.</summary>
public static class QuantizerFactory
{
    /// <summary>Creates a quantiser.</summary>
    /// <param name="device">auto, cpu, cuda or cuda:i.</param>
    /// <param name="progress">Is told what <c>auto</c> chose.</param>
    /// <exception cref="DeviceUnavailableException">CUDA was asked for and cannot be used.</exception>
    public static IQuantizer Create(string device, IProgressSink progress)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(progress);
        if (device.StartsWith("cuda", StringComparison.Ordinal))
        {
            throw new DeviceUnavailableException(
                $"device '{device}' was asked for, but this build has no CUDA quantiser",
                "Use --device cpu, or --device auto to let the program choose.");
        }

        var quantizer = new CpuQuantizer();
        if (device == "auto")
            progress.Message($"device: {quantizer.Description} (auto)");
        return quantizer;
    }
}
