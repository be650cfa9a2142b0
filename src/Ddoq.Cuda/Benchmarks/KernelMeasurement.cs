namespace Ddoq.Cuda.Benchmarks;

/// <summary>What one kernel reached on one shape. Numbers are null on an emulated device, which has no speed.</summary>
/// <param name="Kernel">Its symbol.</param>
/// <param name="Shape">Sizes, in the notation of the kernels' contracts.</param>
/// <param name="Milliseconds">Median time of a launch.</param>
/// <param name="Noise">Width between the 10th and the 90th percentile over the median.</param>
/// <param name="GigabytesPerSecond">Bytes of the contract per second; null where the work depends on the data.</param>
/// <param name="TeraflopsPerSecond">Additions and multiplications per second, likewise.</param>
/// <param name="ShareOfCopy">Bytes per second over those of a copy within the device, measured in the same run.</param>
/// <param name="ShareOfRoofline">
/// Least possible time, the larger of bytes at the copy's speed and arithmetic at the device's peak, over the time taken;
/// null where the peak is not known.
/// </param>
public sealed record KernelMeasurement(
    string Kernel,
    string Shape,
    double? Milliseconds,
    double? Noise,
    double? GigabytesPerSecond,
    double? TeraflopsPerSecond,
    double? ShareOfCopy,
    double? ShareOfRoofline);
