using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ddoq.Cuda.Interop;

/// <summary>Checks driver calls: one predicted branch each, the throw out of line.</summary>
internal static unsafe class CudaCall
{
    /// <summary>Throws with the call's expression, the device and a hint when it failed.</summary>
    /// <exception cref="CudaException">The call failed.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Check(CudaResult result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != CudaResult.Success)
            Throw(result, call);
    }

    /// <summary>For calls that may not throw (releases): a failure is seen in debug builds.</summary>
    public static bool Succeeded(CudaResult result)
    {
        Debug.WriteLineIf(result != CudaResult.Success, $"a CUDA release failed: {result}");
        return result == CudaResult.Success;
    }

    /// <summary>Name and words of a result, as the driver gives them.</summary>
    public static string Describe(CudaResult result)
    {
        byte* name = null;
        byte* text = null;
        if (DriverApi.GetErrorName(result, &name) != CudaResult.Success || name is null)
            return $"CUDA error {(int)result}";
        return DriverApi.GetErrorString(result, &text) == CudaResult.Success && text is not null
            ? $"{Marshal.PtrToStringUTF8((nint)name)} ({Marshal.PtrToStringUTF8((nint)text)})"
            : Marshal.PtrToStringUTF8((nint)name)!;
    }

    /// <summary>Throws for a call in words.</summary>
    /// <exception cref="CudaException">Always.</exception>
    [DoesNotReturn]
    public static void Throw(CudaResult result, string call)
    {
        string expression = call.StartsWith("DriverApi.", StringComparison.Ordinal) ? $"cu{call["DriverApi.".Length..]}" : call;
        string device = ContextHandle.Current is { } context ? $" on {context.Device.Label}" : string.Empty;
        throw new CudaException($"CUDA call {expression} failed{device}: {Describe(result)}.", (int)result, Hint(result));
    }

    private static string Hint(CudaResult result) => result switch
    {
        CudaResult.OutOfMemory => "Other programs may hold the device's memory (see nvidia-smi): close them, choose another device with --device cuda:N, or run with --device cpu.",
        CudaResult.NotFound => "The kernels are of another version than this program: build them again (native/README.md).",
        CudaResult.IllegalAddress or CudaResult.LaunchFailed or CudaResult.EccUncorrectable =>
            "The device stopped at a fault and must be opened anew: run the same command again, it goes on from there. If it happens again, run compute-sanitizer on the command and report what it says.",
        CudaResult.LaunchOutOfResources => "The kernels do not fit this device: build them for it with -DDDOQ_CUDA_ARCHITECTURES (native/README.md).",
        _ => "Run nvidia-smi to see whether the device works, or run with --device cpu.",
    };
}

/// <summary>Results of driver calls that the code tells apart (CUresult of the driver API).</summary>
internal enum CudaResult
{
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    NoDevice = 100,
    InvalidDevice = 101,
    InvalidImage = 200,
    InvalidContext = 201,
    NoBinaryForGpu = 209,
    EccUncorrectable = 214,
    UnsupportedPtxVersion = 222,
    NotFound = 500,
    NotReady = 600,
    IllegalAddress = 700,
    LaunchOutOfResources = 701,
    LaunchFailed = 719,
}
