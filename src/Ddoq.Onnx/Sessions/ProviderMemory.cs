using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Ddoq.Onnx.Sessions;

/// <summary>Memory where a session's provider computes: the device's under CUDA and TensorRT, the program's on the CPU.</summary>
/// <remarks>
/// Values of one session may be bound to another on the same device. Sessions may not be disposed before the values.
/// The device's memory has been written from ONNX Runtime's documentation and has not run on a GPU.
/// </remarks>
internal sealed class ProviderMemory : IDisposable
{
    // The name of the device's allocator, under TensorRT too: its sessions fall back to CUDA and share its memory.
    private const string CudaAllocator = "Cuda";

    private readonly OrtMemoryInfo? _info;
    private readonly OrtAllocator _allocator;

    public ProviderMemory(OnnxSession session)
    {
        if (session.Provider == ExecutionProvider.Cpu)
        {
            _allocator = OrtAllocator.DefaultInstance;
            return;
        }

        _info = new OrtMemoryInfo(CudaAllocator, OrtAllocatorType.DeviceAllocator, session.Options.DeviceId, OrtMemType.Default);
        _allocator = new OrtAllocator(session.Session, _info);
    }

    /// <summary>Makes a tensor; its content is undefined, and only networks can read it on a device.</summary>
    public OrtValue Allocate(TensorElementType type, params long[] shape) => OrtValue.CreateAllocatedTensorValue(_allocator, type, shape);

    public void Dispose()
    {
        if (_info is null)
            return;
        _allocator.Dispose();
        _info.Dispose();
    }
}
