using System.Text;
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

/// <summary>A kernel with its launch shape. Valid while its <see cref="KernelCatalog"/> lives.</summary>
/// <param name="Symbol">Its name, the same in the .cu file.</param>
/// <param name="Function">The driver's handle.</param>
/// <param name="Threads">Threads per block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
/// <param name="ResidentBlocks">Blocks that the device runs at a time.</param>
internal sealed unsafe record Kernel(string Symbol, nint Function, int Threads, int SharedBytes, int ResidentBlocks)
{
    /// <summary>Puts it on a stream with as many blocks as run at a time, or <paramref name="work"/> if that is less.</summary>
    /// <remarks>All kernels stride over their work, so results do not depend on the number of blocks. Allocates nothing.</remarks>
    /// <param name="parameters">Its parameters, copied by the driver.</param>
    /// <param name="work">Tiles, rows or classes; 0 launches nothing.</param>
    /// <param name="stream">The stream.</param>
    /// <exception cref="CudaException">The launch was refused.</exception>
    public void Launch<T>(in T parameters, long work, StreamHandle stream)
        where T : unmanaged
    {
        if (work <= 0)
            return;
        uint grid = (uint)Math.Min(work, ResidentBlocks);
        fixed (T* pointer = &parameters)
        {
            void* argument = pointer;
            CudaResult result = DriverApi.LaunchKernel(Function, grid, 1, 1, (uint)Threads, 1, 1, (uint)SharedBytes, stream.Value, &argument, null);
            if (result != CudaResult.Success)
                CudaCall.Throw(result, $"cuLaunchKernel({Symbol}, {grid} blocks of {Threads} threads, {SharedBytes} bytes shared)");
        }
    }
}

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

/// <summary>The compiled kernels, a file that nvcc made.</summary>
/// <param name="Bytes">Its contents, with a zero behind.</param>
/// <param name="Origin">Where they come from, in words.</param>
internal sealed record KernelImage(byte[] Bytes, string Origin)
{
    /// <summary>The environment variable that names a file.</summary>
    public const string Variable = "DDOQ_KERNELS";

    private const string FileName = "ddoq_kernels.fatbin";

    /// <summary>The file in <c>DDOQ_KERNELS</c>, else what is embedded in the assembly, else the file beside the program.</summary>
    /// <exception cref="DeviceUnavailableException">There are none.</exception>
    public static KernelImage Find() => Find(Environment.GetEnvironmentVariable(Variable), AppContext.BaseDirectory, Embedded());

    /// <summary>The same with the places to look at.</summary>
    internal static KernelImage Find(string? chosen, string folder, byte[]? embedded)
    {
        if (!string.IsNullOrEmpty(chosen))
            return new KernelImage(Read(chosen, $"{Variable} names '{chosen}'"), chosen);
        if (embedded is not null)
            return new KernelImage(embedded, "embedded");
        string beside = Path.Combine(folder, FileName);
        if (File.Exists(beside))
            return new KernelImage(Read(beside, $"'{beside}' is there"), beside);
        throw new DeviceUnavailableException(
            $"This build carries no CUDA kernels: nvcc was not there when it was made. Tried {Variable} (not set), the program itself, '{beside}'.",
            "Build the kernels with CMake and nvcc (native/README.md) and the program again, or point DDOQ_KERNELS at ddoq_kernels.fatbin, or run with --device cpu.");
    }

    private static byte[]? Embedded()
    {
        using Stream? resource = typeof(KernelImage).Assembly.GetManifestResourceStream(FileName);
        if (resource is null)
            return null;
        var image = new byte[resource.Length + 1];
        resource.ReadExactly(image.AsSpan(0, (int)resource.Length));
        return image;
    }

    private static byte[] Read(string path, string words)
    {
        try
        {
            return [.. File.ReadAllBytes(path), 0];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DeviceUnavailableException($"{words}, but it cannot be read: {exception.Message}", $"Unset {Variable}, or point it at {FileName}.", exception);
        }
    }
}
