namespace Ddoq.Imaging;

/// <summary>A view of a decoded image with the name to use in errors.</summary>
/// <param name="samples">[H, W, channels], 8 bits.</param>
/// <param name="size">Its size.</param>
/// <param name="channels">1 (grey) or 3 (RGB).</param>
/// <param name="path">Where it came from.</param>
internal readonly ref struct PixelSource(ReadOnlySpan<byte> samples, ImageSize size, int channels, string path)
{
    public ReadOnlySpan<byte> Samples { get; } = samples;

    public ImageSize Size { get; } = size;

    public int Channels { get; } = channels;

    public string Path { get; } = path;
}
