using System.Runtime.InteropServices;

namespace Ddoq.Cuda.Interop;

/// <summary>The CUDA driver's functions that the engine uses, as NVIDIA's driver API documentation declares them.</summary>
/// <remarks>
/// The only place that calls the driver; <see cref="DriverLibrary"/> says which library that is. A build with
/// <c>-p:CudaBinding=ManagedCuda</c> takes <c>DriverApi.ManagedCuda.cs</c> instead, which has the same members.
/// </remarks>
internal static unsafe partial class DriverApi
{
    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuInit")]
    public static partial CudaResult Initialize(uint flags);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuDriverGetVersion")]
    public static partial CudaResult DriverGetVersion(int* version);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuGetErrorName")]
    public static partial CudaResult GetErrorName(CudaResult result, byte** name);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuGetErrorString")]
    public static partial CudaResult GetErrorString(CudaResult result, byte** text);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuDeviceGetCount")]
    public static partial CudaResult DeviceGetCount(int* count);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuDeviceGet")]
    public static partial CudaResult DeviceGet(int* device, int ordinal);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuDeviceGetName")]
    public static partial CudaResult DeviceGetName(byte* name, int length, int device);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuDeviceTotalMem_v2")]
    public static partial CudaResult DeviceTotalMem(nuint* bytes, int device);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuDeviceGetAttribute")]
    public static partial CudaResult DeviceGetAttribute(int* value, int attribute, int device);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuDevicePrimaryCtxRetain")]
    public static partial CudaResult DevicePrimaryCtxRetain(nint* context, int device);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    public static partial CudaResult DevicePrimaryCtxRelease(int device);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuCtxSetCurrent")]
    public static partial CudaResult CtxSetCurrent(nint context);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuMemGetInfo_v2")]
    public static partial CudaResult MemGetInfo(nuint* available, nuint* total);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuMemAlloc_v2")]
    public static partial CudaResult MemAlloc(ulong* pointer, nuint bytes);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuMemFree_v2")]
    public static partial CudaResult MemFree(ulong pointer);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuMemHostAlloc")]
    public static partial CudaResult MemHostAlloc(void** pointer, nuint bytes, uint flags);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuMemFreeHost")]
    public static partial CudaResult MemFreeHost(void* pointer);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuMemcpyHtoDAsync_v2")]
    public static partial CudaResult MemcpyHtoDAsync(ulong destination, void* source, nuint bytes, nint stream);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuMemcpyDtoHAsync_v2")]
    public static partial CudaResult MemcpyDtoHAsync(void* destination, ulong source, nuint bytes, nint stream);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuMemcpyDtoDAsync_v2")]
    public static partial CudaResult MemcpyDtoDAsync(ulong destination, ulong source, nuint bytes, nint stream);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuMemsetD8Async")]
    public static partial CudaResult MemsetD8Async(ulong destination, byte value, nuint count, nint stream);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuStreamCreate")]
    public static partial CudaResult StreamCreate(nint* stream, uint flags);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuStreamDestroy_v2")]
    public static partial CudaResult StreamDestroy(nint stream);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuStreamSynchronize")]
    public static partial CudaResult StreamSynchronize(nint stream);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuStreamWaitEvent")]
    public static partial CudaResult StreamWaitEvent(nint stream, nint awaited, uint flags);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuStreamBeginCapture_v2")]
    public static partial CudaResult StreamBeginCapture(nint stream, int mode);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuStreamEndCapture")]
    public static partial CudaResult StreamEndCapture(nint stream, nint* graph);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuGraphInstantiateWithFlags")]
    public static partial CudaResult GraphInstantiate(nint* executable, nint graph, ulong flags);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuGraphLaunch")]
    public static partial CudaResult GraphLaunch(nint executable, nint stream);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuGraphExecDestroy")]
    public static partial CudaResult GraphExecDestroy(nint executable);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuGraphDestroy")]
    public static partial CudaResult GraphDestroy(nint graph);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuEventCreate")]
    public static partial CudaResult EventCreate(nint* created, uint flags);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuEventDestroy_v2")]
    public static partial CudaResult EventDestroy(nint destroyed);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuEventRecord")]
    public static partial CudaResult EventRecord(nint recorded, nint stream);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuEventSynchronize")]
    public static partial CudaResult EventSynchronize(nint awaited);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuEventElapsedTime")]
    public static partial CudaResult EventElapsedTime(float* milliseconds, nint start, nint end);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuModuleLoadData")]
    public static partial CudaResult ModuleLoadData(nint* module, byte[] image);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuModuleUnload")]
    public static partial CudaResult ModuleUnload(nint module);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuModuleGetFunction")]
    public static partial CudaResult ModuleGetFunction(nint* function, nint module, byte* name);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuFuncSetAttribute")]
    public static partial CudaResult FuncSetAttribute(nint function, int attribute, int value);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuOccupancyMaxActiveBlocksPerMultiprocessor")]
    public static partial CudaResult OccupancyMaxActiveBlocks(int* blocks, nint function, int threads, nuint sharedBytes);

    [LibraryImport(DriverLibrary.Name, EntryPoint = "cuLaunchKernel")]
    public static partial CudaResult LaunchKernel(
        nint function,
        uint gridX,
        uint gridY,
        uint gridZ,
        uint blockX,
        uint blockY,
        uint blockZ,
        uint sharedBytes,
        nint stream,
        void** parameters,
        void** extra);
}
