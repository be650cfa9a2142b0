using Ddoq.Latents;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Backbones;

/// <summary>A backbone that is one network of ONNX Runtime, for those who bind its tensors themselves.</summary>
internal interface IOnnxBackbone : IDiffusionBackbone
{
    /// <summary>The network and its tensors.</summary>
    BackboneTensors Tensors { get; }

    /// <summary>Makes the other inputs of one batch in flight.</summary>
    /// <param name="batchSize">Rows, before guidance doubles them.</param>
    /// <param name="guided">Whether every row has a second one without condition.</param>
    BackboneConditions CreateConditions(int batchSize, bool guided);
}

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

/// <summary>The inputs of a backbone besides the latents, for one batch in flight: timestep, and class or text of each row.</summary>
internal abstract class BackboneConditions(TensorBuffer timestep, TensorBuffer rows)
{
    /// <summary>The inputs; whoever binds them frees them.</summary>
    public TensorBuffer[] Tensors { get; } = [timestep, rows];

    protected TensorBuffer Rows => rows;

    /// <summary>Sets the classes of the conditional rows.</summary>
    public abstract void SetClasses(ReadOnlySpan<int> classes);

    /// <summary>Sets the timestep of all rows.</summary>
    public void SetTimestep(double value) => timestep.Fill(value);
}

/// <summary>Rows per batch for networks that may have been exported with a fixed batch.</summary>
internal static class FixedBatch
{
    /// <exception cref="DdoqException">The fixed batch is odd and guidance needs pairs.</exception>
    public static int Fit(string path, int? fixedRows, bool guided, int wanted)
    {
        if (fixedRows is not { } rows)
            return wanted;
        if (guided && rows % 2 != 0)
            throw new DdoqException($"{path} was exported with a fixed batch of {rows}; guidance needs an even one", "export it with a free batch dimension, or use guidance scale 1");
        return guided ? rows / 2 : rows;
    }
}
