using System.Text;

namespace Ddoq.Cuda.Interop;

/// <summary>Kernels loaded into the current context.</summary>
internal sealed unsafe class KernelModuleHandle : DriverHandle
{
    private const int LongestSymbol = 127;

    /// <summary>Loads an image, which ends with a zero.</summary>
    /// <exception cref="DeviceUnavailableException">It holds nothing for this device.</exception>
    /// <exception cref="CudaException">The driver failed.</exception>
    public KernelModuleHandle(byte[] image, string origin)
    {
        nint module = 0;
        CudaResult result = DriverApi.ModuleLoadData(&module, image);
        if (result is CudaResult.InvalidImage or CudaResult.NoBinaryForGpu or CudaResult.UnsupportedPtxVersion)
        {
            Dispose();
            throw new DeviceUnavailableException(
                $"The kernels ({origin}) cannot be loaded on {ContextHandle.Current!.Device.Label}: cuModuleLoadData gives {CudaCall.Describe(result)}.",
                "They need compute capability 8.0 or newer and a driver of CUDA 11.8 or newer. Build them for this device with -DDDOQ_CUDA_ARCHITECTURES (native/README.md), or run with --device cpu.");
        }

        Own(result, module, $"cuModuleLoadData({origin})");
    }

    /// <summary>A kernel by its symbol.</summary>
    public nint Function(string symbol)
    {
        Span<byte> name = stackalloc byte[LongestSymbol + 1];
        name[Encoding.ASCII.GetBytes(symbol, name[..LongestSymbol])] = 0;
        nint function;
        fixed (byte* bytes = name)
            CudaCall.Check(DriverApi.ModuleGetFunction(&function, handle, bytes), $"cuModuleGetFunction('{symbol}')");
        return function;
    }

    /// <inheritdoc/>
    protected override CudaResult Destroy(nint owned) => DriverApi.ModuleUnload(owned);
}
