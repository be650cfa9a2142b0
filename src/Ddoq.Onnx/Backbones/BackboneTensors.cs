using Ddoq.Latents;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Backbones;

/// <summary>What the two kinds of backbones have in common: a network from noisy latents to predictions.</summary>
/// <param name="Session">The network.</param>
/// <param name="Latents">The input that takes the latents.</param>
/// <param name="Prediction">The output.</param>
/// <param name="Shape">Shape of one latent.</param>
/// <param name="OutputChannels">Channels of the output: those of a latent, or twice as many with a predicted variance.</param>
/// <param name="ConditionalFirst">Whether a guided call has the rows with their class before those without one.</param>
internal sealed record BackboneTensors(
    OnnxSession Session, TensorSignature Latents, TensorSignature Prediction, LatentShape Shape, int OutputChannels, bool ConditionalFirst)
{
    /// <summary>Values of one row's prediction.</summary>
    public int PredictionLength => OutputChannels * Shape.Height * Shape.Width;

    /// <summary>Shape of the input.</summary>
    public long[] LatentsShape(int rows) => [rows, Shape.Channels, Shape.Height, Shape.Width];

    /// <summary>Shape of the output.</summary>
    public long[] PredictionShape(int rows) => [rows, OutputChannels, Shape.Height, Shape.Width];
}
