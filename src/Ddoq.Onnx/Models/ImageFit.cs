namespace Ddoq.Onnx.Models;

/// <summary>How an image of another size becomes a square of the model's size.</summary>
public enum ImageFit
{
    /// <summary><c>stretch</c>: resized to the square without keeping the aspect ratio (D4M).</summary>
    Stretch,

    /// <summary><c>crop</c>: the shorter side resized to the square's, then the middle cut out.</summary>
    Crop,

    /// <summary><c>pad</c>: placed in the middle, never enlarged, the rest filled with <see cref="ModelFolder.PadValue"/>.</summary>
    Pad,
}
