namespace Ddoq.Latents;

/// <summary>What the encoder gave for an image: its distribution's mean, or one random draw from it.</summary>
public enum LatentKind
{
    /// <summary>The mean of the encoder's posterior: deterministic.</summary>
    Mean,

    /// <summary>One seeded draw from the encoder's posterior, as D4M does.</summary>
    Sample,
}

/// <summary>What a latent store holds: everything but the rows.</summary>
public sealed record LatentStoreInfo
{
    /// <summary>Shape of one latent.</summary>
    public required LatentShape Shape { get; init; }

    /// <summary>Class names in label order; the count is C.</summary>
    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>SHA-256 of the encoder's weights; empty when unknown.</summary>
    public string EncoderHash { get; init; } = "";

    /// <summary>
    /// The factor the encoder's output was multiplied by (0.18215 for Stable Diffusion's VAE): a decoder divides by it.
    /// Null when unknown, for a store made by another tool.
    /// </summary>
    public double? ScalingFactor { get; init; }

    /// <summary>Side of the square images in pixels; 0 when unknown or not square.</summary>
    public int ImageSize { get; init; }

    /// <summary>Mean or random draw; null when unknown.</summary>
    public LatentKind? Kind { get; init; }

    /// <summary>Further metadata, kept as it is.</summary>
    public IReadOnlyDictionary<string, string> Extra { get; init; } = new Dictionary<string, string>();
}
