namespace Ddoq.Onnx.Sessions;

/// <summary>How networks are run.</summary>
public sealed record OnnxSessionOptions
{
    /// <summary>Where the networks run.</summary>
    public ExecutionProvider Provider { get; init; }

    /// <summary>CPU threads; 0 takes one per core.</summary>
    public int Threads { get; init; }

    /// <summary>0-based index of the device for CUDA and TensorRT.</summary>
    public int DeviceId { get; init; }

    /// <summary>
    /// Same bytes for any number of <see cref="Threads"/> (default). On the CPU every network call then runs on one
    /// thread and the threads work on different batches; on CUDA the convolution algorithms are fixed instead of timed.
    /// False lets one call use all threads, which is quicker for single large images.
    /// </summary>
    public bool Deterministic { get; init; } = true;

    /// <summary>Whether CUDA may round matrix factors to 10 mantissa bits (TensorFloat-32).</summary>
    public bool AllowTensorFloat32 { get; init; } = true;

    /// <summary>Whether TensorRT may compute in float16. CUDA and the CPU compute in the precision the network was exported in.</summary>
    public bool AllowHalfPrecision { get; init; }

    /// <summary>Folder in which TensorRT keeps engines and timings; null keeps nothing.</summary>
    public string? EngineCache { get; init; }

    /// <summary>
    /// Rows of every call of the diffusion network, twice the batch under guidance: TensorRT then builds its engine for this
    /// one shape. 0 leaves shapes open, and an engine is built for each new one.
    /// </summary>
    public int RowsPerCall { get; init; }

    /// <summary>A CUDA stream (<c>cudaStream_t</c>) of the caller that the networks run on, in its context; 0 lets the runtime make one.</summary>
    /// <remarks>The caller keeps it alive as long as the sessions.</remarks>
    public nint ComputeStream { get; init; }

    /// <summary>Sizes of inputs behind the first dimension, for networks that leave them open.</summary>
    internal IReadOnlyDictionary<string, int[]> InputShapes { get; init; } = new Dictionary<string, int[]>();

    /// <summary>Rows per call for autoencoder and teacher; 0 takes 8 on the CPU and 64 elsewhere, fewer for large images.</summary>
    public int BatchSize { get; init; }

    /// <summary>These options for a network of one input that is called with whole batches.</summary>
    internal OnnxSessionOptions ForRows(string input, params int[] shape) =>
        this with { RowsPerCall = BatchSize, InputShapes = new Dictionary<string, int[]> { [input] = shape } };

    internal void Validate()
    {
        if (Threads < 0)
            throw new UsageException($"threads is {Threads}; it must be 0 (one per core) or positive");
        if (BatchSize < 0)
            throw new UsageException($"batch size is {BatchSize}; it must be 0 (chosen) or positive");
        if (RowsPerCall < 0)
            throw new UsageException($"rows per call is {RowsPerCall}; it must be 0 (open) or positive");
        if (DeviceId < 0)
            throw new UsageException($"device index is {DeviceId}; it must be 0 or more");
    }
}

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
