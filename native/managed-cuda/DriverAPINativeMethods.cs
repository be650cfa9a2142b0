using System.Reflection;
using System.Runtime.InteropServices;
using ManagedCuda.BasicTypes;

namespace ManagedCuda;

/// <summary>The driver's functions that the engine calls, grouped as ManagedCuda groups them; each goes to the driver as it is.</summary>
/// <remarks>The driver is the library in <c>DDOQ_CUDA_DRIVER</c>, which the tests set to the emulated one, else NVIDIA's.</remarks>
public static class DriverAPINativeMethods
{
    private const string Driver = "cuda-driver";

    static DriverAPINativeMethods() => NativeLibrary.SetDllImportResolver(typeof(DriverAPINativeMethods).Assembly, Find);

    public static CUResult cuInit(CUInitializationFlags flags) => Library.cuInit(flags);

    public static CUResult cuDriverGetVersion(ref int version) => Library.cuDriverGetVersion(ref version);

    private static nint Find(string name, Assembly assembly, DllImportSearchPath? path)
    {
        string? named = Environment.GetEnvironmentVariable("DDOQ_CUDA_DRIVER");
        foreach (string file in (ReadOnlySpan<string>)(string.IsNullOrEmpty(named) ? ["libcuda.so.1", "libcuda.so", "nvcuda"] : [named]))
        {
            if (name == Driver && NativeLibrary.TryLoad(file, out nint handle))
                return handle;
        }

        return 0;
    }

    public static class ErrorHandling
    {
        [DllImport(Driver)]
        public static extern CUResult cuGetErrorName(CUResult error, ref nint text);

        [DllImport(Driver)]
        public static extern CUResult cuGetErrorString(CUResult error, ref nint text);
    }

    public static class DeviceManagement
    {
        [DllImport(Driver)]
        public static extern CUResult cuDeviceGetCount(ref int count);

        [DllImport(Driver)]
        public static extern CUResult cuDeviceGet(ref CUdevice device, int ordinal);

        [DllImport(Driver)]
        public static extern CUResult cuDeviceGetName([Out] byte[] name, int length, CUdevice device);

        [DllImport(Driver)]
        public static extern CUResult cuDeviceTotalMem_v2(ref SizeT bytes, CUdevice device);

        [DllImport(Driver)]
        public static extern CUResult cuDeviceGetAttribute(ref int value, CUDeviceAttribute attribute, CUdevice device);
    }

    public static class ContextManagement
    {
        [DllImport(Driver)]
        public static extern CUResult cuDevicePrimaryCtxRetain(ref CUcontext context, CUdevice device);

        [DllImport(Driver, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
        public static extern CUResult cuDevicePrimaryCtxRelease(CUdevice device);

        [DllImport(Driver)]
        public static extern CUResult cuCtxSetCurrent(CUcontext context);
    }

    public static class MemoryManagement
    {
        [DllImport(Driver)]
        public static extern CUResult cuMemGetInfo_v2(ref SizeT free, ref SizeT total);

        [DllImport(Driver)]
        public static extern CUResult cuMemAlloc_v2(ref CUdeviceptr pointer, SizeT bytes);

        [DllImport(Driver)]
        public static extern CUResult cuMemFree_v2(CUdeviceptr pointer);

        [DllImport(Driver)]
        public static extern CUResult cuMemHostAlloc(ref nint pointer, SizeT bytes, CUMemHostAllocFlags flags);

        [DllImport(Driver)]
        public static extern CUResult cuMemFreeHost(nint pointer);
    }

    public static class AsynchronousMemcpy_v2
    {
        [DllImport(Driver)]
        public static extern CUResult cuMemcpyHtoDAsync_v2(CUdeviceptr destination, nint source, SizeT bytes, CUstream stream);

        [DllImport(Driver)]
        public static extern CUResult cuMemcpyDtoHAsync_v2(nint destination, CUdeviceptr source, SizeT bytes, CUstream stream);

        [DllImport(Driver)]
        public static extern CUResult cuMemcpyDtoDAsync_v2(CUdeviceptr destination, CUdeviceptr source, SizeT bytes, CUstream stream);
    }

    public static class MemsetAsync
    {
        [DllImport(Driver)]
        public static extern CUResult cuMemsetD8Async(CUdeviceptr destination, byte value, SizeT count, CUstream stream);
    }

    public static class Streams
    {
        [DllImport(Driver)]
        public static extern CUResult cuStreamCreate(ref CUstream stream, CUStreamFlags flags);

        [DllImport(Driver)]
        public static extern CUResult cuStreamDestroy_v2(CUstream stream);

        [DllImport(Driver)]
        public static extern CUResult cuStreamSynchronize(CUstream stream);

        [DllImport(Driver)]
        public static extern CUResult cuStreamWaitEvent(CUstream stream, CUevent awaited, uint flags);

        [DllImport(Driver, EntryPoint = "cuStreamBeginCapture_v2")]
        public static extern CUResult cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode mode);

        [DllImport(Driver)]
        public static extern CUResult cuStreamEndCapture(CUstream stream, ref CUgraph graph);
    }

    // The package spells it so.
    public static class GraphManagment
    {
        [DllImport(Driver, EntryPoint = "cuGraphInstantiateWithFlags")]
        public static extern CUResult cuGraphInstantiate(ref CUgraphExec executable, CUgraph graph, CUgraphInstantiate_flags flags);

        [DllImport(Driver)]
        public static extern CUResult cuGraphLaunch(CUgraphExec executable, CUstream stream);

        [DllImport(Driver)]
        public static extern CUResult cuGraphExecDestroy(CUgraphExec executable);

        [DllImport(Driver)]
        public static extern CUResult cuGraphDestroy(CUgraph graph);
    }

    public static class Events
    {
        [DllImport(Driver)]
        public static extern CUResult cuEventCreate(ref CUevent created, CUEventFlags flags);

        [DllImport(Driver)]
        public static extern CUResult cuEventDestroy_v2(CUevent destroyed);

        [DllImport(Driver)]
        public static extern CUResult cuEventRecord(CUevent recorded, CUstream stream);

        [DllImport(Driver)]
        public static extern CUResult cuEventSynchronize(CUevent awaited);

        [DllImport(Driver)]
        public static extern CUResult cuEventElapsedTime(ref float milliseconds, CUevent start, CUevent end);
    }

    public static class ModuleManagement
    {
        [DllImport(Driver)]
        public static extern CUResult cuModuleLoadData(ref CUmodule module, [In] byte[] image);

        [DllImport(Driver)]
        public static extern CUResult cuModuleUnload(CUmodule module);

        [DllImport(Driver)]
        public static extern CUResult cuModuleGetFunction(ref CUfunction function, CUmodule module, string name);
    }

    public static class FunctionManagement
    {
        [DllImport(Driver)]
        public static extern CUResult cuFuncSetAttribute(CUfunction function, CUFunctionAttribute attribute, int value);
    }

    public static class Occupancy
    {
        [DllImport(Driver)]
        public static extern CUResult cuOccupancyMaxActiveBlocksPerMultiprocessor(ref int blocks, CUfunction function, int threads, SizeT sharedBytes);
    }

    public static class Launch
    {
        [DllImport(Driver)]
        public static extern CUResult cuLaunchKernel(
            CUfunction function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, CUstream stream, nint[] parameters, nint[] extra);
    }

    private static class Library
    {
        [DllImport(Driver)]
        public static extern CUResult cuInit(CUInitializationFlags flags);

        [DllImport(Driver)]
        public static extern CUResult cuDriverGetVersion(ref int version);
    }
}
