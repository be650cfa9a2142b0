namespace Ddoq.Onnx.Sessions;

/// <summary>Where ONNX Runtime runs the networks.</summary>
public enum ExecutionProvider
{
    /// <summary>CUDA where the runtime and the machine have it, otherwise the CPU; what was chosen is reported.</summary>
    Auto,

    /// <summary>The CPU.</summary>
    Cpu,

    /// <summary>CUDA; fails where it is not available.</summary>
    Cuda,

    /// <summary>TensorRT, with CUDA for what it does not support; fails where it is not available.</summary>
    TensorRt,
}
