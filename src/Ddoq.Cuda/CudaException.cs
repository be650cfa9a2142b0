using Ddoq.Cuda.Interop;

namespace Ddoq.Cuda;

/// <summary>A call of the CUDA driver failed: the call, the device, and the driver's name and words for the error.</summary>
public sealed class CudaException : DdoqException
{
    /// <summary>Creates it.</summary>
    /// <param name="message">The call, the device and what the driver says.</param>
    /// <param name="result">The driver's result.</param>
    /// <param name="hint">What the user can do.</param>
    /// <param name="innerException">The cause, if any.</param>
    public CudaException(string message, int result, string? hint = null, Exception? innerException = null)
        : base(message, hint, innerException) => Result = result;

    /// <summary>The driver's result (CUresult).</summary>
    public int Result { get; }

    /// <summary>Whether the device or page-locked memory ran out.</summary>
    public bool IsOutOfMemory => Result == (int)CudaResult.OutOfMemory;
}
