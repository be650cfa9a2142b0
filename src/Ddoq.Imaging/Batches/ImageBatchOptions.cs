namespace Ddoq.Imaging;

/// <summary>How <see cref="ImageBatchReader"/> reads.</summary>
public sealed record ImageBatchOptions
{
    /// <summary>The defaults.</summary>
    public static ImageBatchOptions Default { get; } = new();

    /// <summary>The most images in a batch, 64 by default.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>3 (RGB, the default) or 1 (luma, see <see cref="PlanarRgb.ToGrey"/>; grey images keep their values).</summary>
    public int Channels { get; init; } = 3;

    /// <summary>The numbers wanted beside the bytes; none by default.</summary>
    public PixelRange Range { get; init; } = PixelRange.Bytes;

    /// <summary>Threads that decode, one for each processor by default. Results do not depend on it.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>What to do with damaged images; the default fails.</summary>
    public DamagePolicy Damage { get; init; } = DamagePolicy.Fail;

    internal void Validate()
    {
        if (BatchSize < 1)
            throw new UsageException($"a batch size of {BatchSize} is not possible", "give 1 or more");
        if (Workers < 1)
            throw new UsageException($"{Workers} workers are not possible", "give 1 or more");
        if (Channels is not (1 or 3))
            throw new UsageException($"{Channels} channels are not possible", "give 1 (grey) or 3 (RGB)");
    }
}
