namespace Ddoq.Onnx.Models;

/// <summary>Which network runs the reverse process.</summary>
public enum ModelLayout
{
    /// <summary>A class-conditional transformer, <c>transformer/model.onnx</c>.</summary>
    DiT,

    /// <summary>A text-conditional UNet with text encoder and tokenizer, <c>unet/model.onnx</c>.</summary>
    StableDiffusion,
}
