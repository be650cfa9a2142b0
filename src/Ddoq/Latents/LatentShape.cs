using System.Globalization;

namespace Ddoq.Latents;

/// <summary>Channels, height and width of one latent; <c>Length</c> values per row, channel-major (c, h, w).</summary>
public readonly record struct LatentShape(int Channels, int Height, int Width)
{
    /// <summary>Values per latent (D).</summary>
    public int Length => checked(Channels * Height * Width);

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Channels}x{Height}x{Width}");
}
