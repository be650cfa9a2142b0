using System.Runtime.InteropServices;
using ManagedCuda;
using ManagedCuda.BasicTypes;

namespace Ddoq.Cuda.Interop;

/// <summary>The CUDA driver's functions that the engine uses, called through the ManagedCuda package.</summary>
/// <remarks>
/// Compiled instead of <c>DriverApi.cs</c> with <c>-p:CudaBinding=ManagedCuda</c>; README.md says what that means for the
/// licence. ManagedCuda loads the driver itself, so <c>DDOQ_CUDA_DRIVER</c> has no effect on these calls.
/// </remarks>
internal static unsafe class DriverApi
{
    [ThreadStatic]
    private static nint[]? s_arguments;

    public static CudaResult Initialize(uint flags) => (CudaResult)DriverAPINativeMethods.cuInit((CUInitializationFlags)flags);

    public static CudaResult DriverGetVersion(int* version) => (CudaResult)DriverAPINativeMethods.cuDriverGetVersion(ref *version);

    public static CudaResult GetErrorName(CudaResult result, byte** name) =>
        (CudaResult)DriverAPINativeMethods.ErrorHandling.cuGetErrorName((CUResult)result, ref *(nint*)name);

    public static CudaResult GetErrorString(CudaResult result, byte** text) =>
        (CudaResult)DriverAPINativeMethods.ErrorHandling.cuGetErrorString((CUResult)result, ref *(nint*)text);

    public static CudaResult DeviceGetCount(int* count) => (CudaResult)DriverAPINativeMethods.DeviceManagement.cuDeviceGetCount(ref *count);

    public static CudaResult DeviceGet(int* device, int ordinal)
    {
        var found = default(CUdevice);
        CUResult result = DriverAPINativeMethods.DeviceManagement.cuDeviceGet(ref found, ordinal);
        *device = found.Pointer;
        return (CudaResult)result;
    }

    public static CudaResult DeviceGetName(byte* name, int length, int device)
    {
        var text = new byte[length];
        CUResult result = DriverAPINativeMethods.DeviceManagement.cuDeviceGetName(text, length, Device(device));
        text.CopyTo(new Span<byte>(name, length));
        return (CudaResult)result;
    }

    public static CudaResult DeviceTotalMem(nuint* bytes, int device)
    {
        SizeT total = 0;
        CUResult result = DriverAPINativeMethods.DeviceManagement.cuDeviceTotalMem_v2(ref total, Device(device));
        *bytes = (nuint)(ulong)total;
        return (CudaResult)result;
    }

    public static CudaResult DeviceGetAttribute(int* value, int attribute, int device) =>
        (CudaResult)DriverAPINativeMethods.DeviceManagement.cuDeviceGetAttribute(ref *value, (CUDeviceAttribute)attribute, Device(device));

    public static CudaResult DevicePrimaryCtxRetain(nint* context, int device)
    {
        var retained = default(CUcontext);
        CUResult result = DriverAPINativeMethods.ContextManagement.cuDevicePrimaryCtxRetain(ref retained, Device(device));
        *context = retained.Pointer;
        return (CudaResult)result;
    }

    public static CudaResult DevicePrimaryCtxRelease(int device) =>
        (CudaResult)DriverAPINativeMethods.ContextManagement.cuDevicePrimaryCtxRelease(Device(device));

    public static CudaResult CtxSetCurrent(nint context) =>
        (CudaResult)DriverAPINativeMethods.ContextManagement.cuCtxSetCurrent(new CUcontext { Pointer = context });

    public static CudaResult MemGetInfo(nuint* available, nuint* total)
    {
        SizeT unused = 0, all = 0;
        CUResult result = DriverAPINativeMethods.MemoryManagement.cuMemGetInfo_v2(ref unused, ref all);
        *available = (nuint)(ulong)unused;
        *total = (nuint)(ulong)all;
        return (CudaResult)result;
    }

    public static CudaResult MemAlloc(ulong* pointer, nuint bytes)
    {
        var made = default(CUdeviceptr);
        CUResult result = DriverAPINativeMethods.MemoryManagement.cuMemAlloc_v2(ref made, (ulong)bytes);
        *pointer = made.Pointer;
        return (CudaResult)result;
    }

    public static CudaResult MemFree(ulong pointer) => (CudaResult)DriverAPINativeMethods.MemoryManagement.cuMemFree_v2(new CUdeviceptr(pointer));

    public static CudaResult MemHostAlloc(void** pointer, nuint bytes, uint flags) =>
        (CudaResult)DriverAPINativeMethods.MemoryManagement.cuMemHostAlloc(ref *(nint*)pointer, (ulong)bytes, (CUMemHostAllocFlags)flags);

    public static CudaResult MemFreeHost(void* pointer) => (CudaResult)DriverAPINativeMethods.MemoryManagement.cuMemFreeHost((nint)pointer);

    public static CudaResult MemcpyHtoDAsync(ulong destination, void* source, nuint bytes, nint stream) =>
        (CudaResult)DriverAPINativeMethods.AsynchronousMemcpy_v2.cuMemcpyHtoDAsync_v2(new CUdeviceptr(destination), (nint)source, (ulong)bytes, Stream(stream));

    public static CudaResult MemcpyDtoHAsync(void* destination, ulong source, nuint bytes, nint stream) =>
        (CudaResult)DriverAPINativeMethods.AsynchronousMemcpy_v2.cuMemcpyDtoHAsync_v2((nint)destination, new CUdeviceptr(source), (ulong)bytes, Stream(stream));

    public static CudaResult MemcpyDtoDAsync(ulong destination, ulong source, nuint bytes, nint stream) =>
        (CudaResult)DriverAPINativeMethods.AsynchronousMemcpy_v2.cuMemcpyDtoDAsync_v2(
            new CUdeviceptr(destination), new CUdeviceptr(source), (ulong)bytes, Stream(stream));

    public static CudaResult MemsetD8Async(ulong destination, byte value, nuint count, nint stream) =>
        (CudaResult)DriverAPINativeMethods.MemsetAsync.cuMemsetD8Async(new CUdeviceptr(destination), value, (ulong)count, Stream(stream));

    public static CudaResult StreamCreate(nint* stream, uint flags)
    {
        var made = default(CUstream);
        CUResult result = DriverAPINativeMethods.Streams.cuStreamCreate(ref made, (CUStreamFlags)flags);
        *stream = made.Pointer;
        return (CudaResult)result;
    }

    public static CudaResult StreamDestroy(nint stream) => (CudaResult)DriverAPINativeMethods.Streams.cuStreamDestroy_v2(Stream(stream));

    public static CudaResult StreamSynchronize(nint stream) => (CudaResult)DriverAPINativeMethods.Streams.cuStreamSynchronize(Stream(stream));

    public static CudaResult StreamWaitEvent(nint stream, nint awaited, uint flags) =>
        (CudaResult)DriverAPINativeMethods.Streams.cuStreamWaitEvent(Stream(stream), Event(awaited), flags);

    public static CudaResult StreamBeginCapture(nint stream, int mode) =>
        (CudaResult)DriverAPINativeMethods.Streams.cuStreamBeginCapture(Stream(stream), (CUstreamCaptureMode)mode);

    public static CudaResult StreamEndCapture(nint stream, nint* graph)
    {
        var recorded = default(CUgraph);
        CUResult result = DriverAPINativeMethods.Streams.cuStreamEndCapture(Stream(stream), ref recorded);
        *graph = recorded.Pointer;
        return (CudaResult)result;
    }

    public static CudaResult GraphInstantiate(nint* executable, nint graph, ulong flags)
    {
        var made = default(CUgraphExec);
        CUResult result = DriverAPINativeMethods.GraphManagment.cuGraphInstantiate(
            ref made, new CUgraph { Pointer = graph }, (CUgraphInstantiate_flags)flags);
        *executable = made.Pointer;
        return (CudaResult)result;
    }

    public static CudaResult GraphLaunch(nint executable, nint stream) =>
        (CudaResult)DriverAPINativeMethods.GraphManagment.cuGraphLaunch(new CUgraphExec { Pointer = executable }, Stream(stream));

    public static CudaResult GraphExecDestroy(nint executable) =>
        (CudaResult)DriverAPINativeMethods.GraphManagment.cuGraphExecDestroy(new CUgraphExec { Pointer = executable });

    public static CudaResult GraphDestroy(nint graph) => (CudaResult)DriverAPINativeMethods.GraphManagment.cuGraphDestroy(new CUgraph { Pointer = graph });

    public static CudaResult EventCreate(nint* created, uint flags)
    {
        var made = default(CUevent);
        CUResult result = DriverAPINativeMethods.Events.cuEventCreate(ref made, (CUEventFlags)flags);
        *created = made.Pointer;
        return (CudaResult)result;
    }

    public static CudaResult EventDestroy(nint destroyed) => (CudaResult)DriverAPINativeMethods.Events.cuEventDestroy_v2(Event(destroyed));

    public static CudaResult EventRecord(nint recorded, nint stream) => (CudaResult)DriverAPINativeMethods.Events.cuEventRecord(Event(recorded), Stream(stream));

    public static CudaResult EventSynchronize(nint awaited) => (CudaResult)DriverAPINativeMethods.Events.cuEventSynchronize(Event(awaited));

    public static CudaResult EventElapsedTime(float* milliseconds, nint start, nint end) =>
        (CudaResult)DriverAPINativeMethods.Events.cuEventElapsedTime(ref *milliseconds, Event(start), Event(end));

    public static CudaResult ModuleLoadData(nint* module, byte[] image)
    {
        var made = default(CUmodule);
        CUResult result = DriverAPINativeMethods.ModuleManagement.cuModuleLoadData(ref made, image);
        *module = made.Pointer;
        return (CudaResult)result;
    }

    public static CudaResult ModuleUnload(nint module) => (CudaResult)DriverAPINativeMethods.ModuleManagement.cuModuleUnload(new CUmodule { Pointer = module });

    public static CudaResult ModuleGetFunction(nint* function, nint module, byte* name)
    {
        var found = default(CUfunction);
        CUResult result = DriverAPINativeMethods.ModuleManagement.cuModuleGetFunction(
            ref found, new CUmodule { Pointer = module }, Marshal.PtrToStringUTF8((nint)name)!);
        *function = found.Pointer;
        return (CudaResult)result;
    }

    public static CudaResult FuncSetAttribute(nint function, int attribute, int value) =>
        (CudaResult)DriverAPINativeMethods.FunctionManagement.cuFuncSetAttribute(new CUfunction { Pointer = function }, (CUFunctionAttribute)attribute, value);

    public static CudaResult OccupancyMaxActiveBlocks(int* blocks, nint function, int threads, nuint sharedBytes) =>
        (CudaResult)DriverAPINativeMethods.Occupancy.cuOccupancyMaxActiveBlocksPerMultiprocessor(
            ref *blocks, new CUfunction { Pointer = function }, threads, (ulong)sharedBytes);

    public static CudaResult LaunchKernel(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, nint stream, void** parameters, void** extra)
    {
        nint[] arguments = s_arguments ??= new nint[1]; // a kernel takes one struct; the array is kept, so a launch allocates nothing
        arguments[0] = (nint)parameters[0];
        return (CudaResult)DriverAPINativeMethods.Launch.cuLaunchKernel(
            new CUfunction { Pointer = function }, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes, Stream(stream), arguments, null!);
    }

    private static CUdevice Device(int device) => new() { Pointer = device };

    private static CUstream Stream(nint stream) => new() { Pointer = stream };

    private static CUevent Event(nint value) => new() { Pointer = value };
}
