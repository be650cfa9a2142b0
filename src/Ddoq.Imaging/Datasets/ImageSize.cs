namespace Ddoq.Imaging;

/// <summary>The size of an image in pixels.</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
public readonly record struct ImageSize(int Width, int Height)
{
    /// <summary>Width before height, for example <c>500x375</c>.</summary>
    public override string ToString() => $"{Width}x{Height}";
}
