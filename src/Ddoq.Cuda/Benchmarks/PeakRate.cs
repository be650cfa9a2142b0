namespace Ddoq.Cuda.Benchmarks;

/// <summary>Additions and multiplications per second that a device can do at most.</summary>
internal static class PeakRate
{
    /// <summary>The peak at the clock that the driver reports, null where it is not known.</summary>
    /// <param name="device">The device.</param>
    /// <param name="tensor">Dense products of halves on tensor cores with fp32 sums, else fp32 on the other cores.</param>
    /// <remarks>Per multiprocessor and cycle, from NVIDIA's white papers of the A100 and the H100; a fused multiply-add is two.</remarks>
    public static double? Of(CudaDevice device, bool tensor)
    {
        int? perCycle = (device.ComputeCapability.Major, device.ComputeCapability.Minor) switch
        {
            (8, 0) => tensor ? 2048 : 128,
            (9, 0) => tensor ? 4096 : 256,
            _ => null,
        };
        return perCycle * device.MultiprocessorCount * device.ClockRate;
    }
}
