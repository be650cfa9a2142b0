namespace Ddoq.Cuda;

/// <summary>Where a <see cref="CudaQuantizer"/> works and how much memory it takes.</summary>
public sealed record CudaQuantizerOptions
{
    /// <summary>Device numbers; null takes every device that the kernels run on.</summary>
    public IReadOnlyList<int>? Devices { get; init; }

    /// <summary>Memory to use at most on each device, in bytes; 0 takes 90 % of what is free when the quantiser is created.</summary>
    public long MemoryBudget { get; init; }

    /// <summary>Bytes of one piece of the page-locked ring that rows go through; there are four per device.</summary>
    internal long PieceBytes { get; init; } = 8 << 20;

    /// <summary>Most classes in a batch; 0 chooses by the device.</summary>
    internal int BatchClasses { get; init; }
}
