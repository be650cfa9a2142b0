using Ddoq.Cuda;
using Ddoq.Quantization;

namespace Ddoq.CApi;

/// <summary>What a ddoq_quantizer stands for: a quantiser, its options, and how to stop it.</summary>
internal sealed class QuantizerObject : IDisposable
{
    private CancellationTokenSource _cancellation = new();

    /// <summary>Opens the device that the options name.</summary>
    /// <exception cref="DeviceUnavailableException">CUDA was asked for and cannot be used.</exception>
    public QuantizerObject(in OptionsStruct given)
    {
        Options = given.ToEngine();
        Quantizer = Open((DeviceChoice)given.Device, given.DeviceIndex);
        Description = new NativeText(Quantizer.Description);
    }

    public QuantizerOptions Options { get; }

    public IQuantizer Quantizer { get; }

    public NativeText Description { get; }

    /// <summary>Stops when <see cref="Cancel"/> is called from now on.</summary>
    public CancellationToken Token => Volatile.Read(ref _cancellation).Token;

    /// <summary>Stops what runs.</summary>
    public void Cancel() => Interlocked.Exchange(ref _cancellation, new CancellationTokenSource()).Cancel();

    /// <inheritdoc/>
    public void Dispose()
    {
        Quantizer.Dispose();
        Description.Dispose();
        _cancellation.Dispose();
    }

    private static IQuantizer Open(DeviceChoice device, int index)
    {
        if (device == DeviceChoice.Cpu)
            return new CpuQuantizer();
        try
        {
            return new CudaQuantizer(new CudaQuantizerOptions { Devices = index < 0 ? null : [index] });
        }
        catch (DdoqException exception) when (device == DeviceChoice.Auto && exception is DeviceUnavailableException or CudaException)
        {
            return new CpuQuantizer();
        }
    }
}
