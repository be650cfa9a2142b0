using Ddoq.Cuda.Interop;

namespace Ddoq.Cuda.Quantization;

/// <summary>A device's three lanes: rows in, kernels, results out. They work at the same time.</summary>
internal sealed class DeviceStreams : IDisposable
{
    /// <summary>Creates them in the current context.</summary>
    public DeviceStreams()
    {
        try
        {
            Upload = new StreamHandle();
            Compute = new StreamHandle();
            Download = new StreamHandle();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public StreamHandle Upload { get; }

    public StreamHandle Compute { get; }

    public StreamHandle Download { get; }

    /// <summary>Waits until nothing is under way, whatever became of it.</summary>
    public void Drain()
    {
        Upload.Drain();
        Compute.Drain();
        Download.Drain();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Upload?.Dispose();
        Compute?.Dispose();
        Download?.Dispose();
    }
}
