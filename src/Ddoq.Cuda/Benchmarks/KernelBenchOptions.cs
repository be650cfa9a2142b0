namespace Ddoq.Cuda.Benchmarks;

/// <summary>What <see cref="KernelBench"/> measures.</summary>
public sealed record KernelBenchOptions
{
    /// <summary>The device, 0-based.</summary>
    public int Device { get; init; }

    /// <summary>Kernels whose names contain this; null for all.</summary>
    public string? Filter { get; init; }

    /// <summary>Timed samples per kernel, of which the median is taken; at least 1.</summary>
    public int Samples { get; init; } = 20;
}
