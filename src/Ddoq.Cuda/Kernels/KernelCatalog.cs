using Ddoq.Cuda.Interop;

namespace Ddoq.Cuda.Kernels;

/// <summary>The kernels in the current context, by symbol.</summary>
/// <remarks>Not thread-safe.</remarks>
internal sealed unsafe class KernelCatalog : IDisposable
{
    private const int MaximumDynamicShared = 8; // CUfunction_attribute

    private readonly Dictionary<string, Kernel> _kernels = [];
    private readonly KernelModuleHandle _module;
    private readonly CudaDevice _device;

    /// <summary>Loads the kernels into the current context.</summary>
    /// <exception cref="DeviceUnavailableException">They do not run on this device.</exception>
    public KernelCatalog(KernelImage image, CudaDevice device)
    {
        _device = device;
        _module = new KernelModuleHandle(image.Bytes, image.Origin);
    }

    /// <summary>A kernel, ready to launch. A symbol always comes with the same shape.</summary>
    /// <param name="symbol">Its name.</param>
    /// <param name="threads">Threads per block.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block.</param>
    /// <exception cref="CudaException">There is no such kernel, or it does not fit the device.</exception>
    public Kernel Get(string symbol, int threads, int sharedBytes)
    {
        if (_kernels.TryGetValue(symbol, out Kernel? known) && known.SharedBytes == sharedBytes)
            return known;
        nint function = _module.Function(symbol);
        CudaCall.Check(DriverApi.FuncSetAttribute(function, MaximumDynamicShared, sharedBytes), $"cuFuncSetAttribute({symbol}, {sharedBytes} bytes shared)");
        int blocks;
        CudaCall.Check(DriverApi.OccupancyMaxActiveBlocks(&blocks, function, threads, (nuint)sharedBytes), $"cuOccupancyMaxActiveBlocksPerMultiprocessor({symbol}, {threads} threads)");
        return _kernels[symbol] = new Kernel(symbol, function, threads, sharedBytes, Math.Max(1, blocks) * _device.MultiprocessorCount);
    }

    /// <inheritdoc/>
    public void Dispose() => _module.Dispose();
}
