using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Ddoq.Onnx.Sessions;

/// <summary>Which execution provider is used, of those the runtime was built with.</summary>
internal static class ProviderSelection
{
    public const string CudaName = "CUDAExecutionProvider";
    public const string TensorRtName = "TensorrtExecutionProvider";

    /// <summary>The provider to try. Never <see cref="ExecutionProvider.Auto"/>.</summary>
    /// <param name="requested">What the user asked for.</param>
    /// <param name="available">The runtime's names of its providers.</param>
    /// <param name="version">The runtime's version, for messages.</param>
    /// <exception cref="DeviceUnavailableException">An explicit choice is not among the runtime's providers.</exception>
    public static ExecutionProvider Choose(ExecutionProvider requested, IReadOnlyCollection<string> available, string version)
    {
        bool hasCuda = available.Contains(CudaName), hasTensorRt = available.Contains(TensorRtName);
        return requested switch
        {
            ExecutionProvider.Auto => hasCuda ? ExecutionProvider.Cuda : ExecutionProvider.Cpu,
            ExecutionProvider.Cuda when !hasCuda => throw Missing("cuda", available, version),
            ExecutionProvider.TensorRt when !hasTensorRt => throw Missing("tensorrt", available, version),
            _ => requested,
        };
    }

    /// <summary>The error for a provider that is there but does not start.</summary>
    public static DeviceUnavailableException DoesNotStart(ExecutionProvider provider, int deviceId, Exception cause) => MissingLibrary(cause.Message) is { } library
        ? new(
            $"execution provider {Name(provider)} does not start on device {deviceId}: {library} is not found",
            $"put the folder of {library} on LD_LIBRARY_PATH (torch's pip packages keep such libraries under site-packages/nvidia/*/lib), or use --provider cpu",
            cause)
        : new(
            $"execution provider {Name(provider)} does not start on device {deviceId}: {FirstLine(cause.Message)}",
            "check the NVIDIA driver and that the CUDA and cuDNN (for tensorrt: TensorRT) libraries are on the library path, or use --provider cpu",
            cause);

    public static string Name(ExecutionProvider provider) => provider switch
    {
        ExecutionProvider.Cuda => "cuda",
        ExecutionProvider.TensorRt => "tensorrt",
        ExecutionProvider.Cpu => "cpu",
        _ => "auto",
    };

    public static string FirstLine(string text)
    {
        int end = text.AsSpan().IndexOfAny('\r', '\n');
        return end < 0 ? text : text[..end];
    }

    /// <summary>The shared library the system's loader did not find, out of the runtime's message; null when it says nothing of one.</summary>
    private static string? MissingLibrary(string message)
    {
        int end = message.IndexOf(": cannot open shared object file", StringComparison.Ordinal);
        return end < 0 ? null : message[(message.LastIndexOf(' ', end - 1) + 1)..end];
    }

    private static DeviceUnavailableException Missing(string name, IReadOnlyCollection<string> available, string version) => new(
        $"execution provider {name} was asked for, but ONNX Runtime {version} has only {string.Join(", ", available)}",
        "give a GPU build of ONNX Runtime with --ort-path DIR or DDOQ_ORT_PATH, or use --provider auto or cpu");
}

/// <summary>Says which execution provider a choice leads to, before any network is loaded.</summary>
public static class ProviderChoice
{
    private static int s_told;

    /// <summary>Refuses a provider the runtime was not built with, before anything is written.</summary>
    /// <param name="provider">What the user asked for.</param>
    /// <exception cref="DeviceUnavailableException">The loaded ONNX Runtime does not have it.</exception>
    /// <exception cref="DdoqException">No ONNX Runtime is found.</exception>
    public static void Require(ExecutionProvider provider)
    {
        (string version, IReadOnlyList<string> available) = OnnxRuntimeLocation.Load();
        _ = ProviderSelection.Choose(provider, available, version);
    }

    /// <summary>Tells once per process what <see cref="ExecutionProvider.Auto"/> chose and why; does nothing for other choices.</summary>
    /// <param name="provider">What the user asked for.</param>
    /// <param name="progress">Where to tell it.</param>
    /// <exception cref="DdoqException">No ONNX Runtime is found.</exception>
    public static void Announce(ExecutionProvider provider, IProgressSink progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        if (provider == ExecutionProvider.Auto && Interlocked.Exchange(ref s_told, 1) == 0)
            progress.Message(Describe());
    }

    /// <summary>What <see cref="ExecutionProvider.Auto"/> chooses and why, in words.</summary>
    /// <exception cref="DdoqException">No ONNX Runtime is found.</exception>
    public static string Describe()
    {
        (string version, IReadOnlyList<string> available) = OnnxRuntimeLocation.Load();
        ExecutionProvider chosen = ProviderSelection.Choose(ExecutionProvider.Auto, available, version);
        return $"provider auto: {ProviderSelection.Name(chosen)} (ONNX Runtime {version} has {string.Join(", ", available)})";
    }
}

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
