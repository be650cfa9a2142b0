using Ddoq.Latents;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Backbones;

/// <summary>A backbone that is one network of ONNX Runtime: what class-conditional and text-conditional ones have in common.</summary>
public abstract class OnnxBackbone : IDiffusionBackbone
{
    private const long LargestSmallLatent = 32 * 32;

    private readonly string _kind;

    private protected OnnxBackbone(string kind, BackboneTensors tensors) => (_kind, Tensors) = (kind, tensors);

    /// <inheritdoc/>
    public LatentShape LatentShape => Tensors.Shape;

    /// <inheritdoc/>
    public abstract int ClassCount { get; }

    /// <inheritdoc/>
    public bool PredictsVariance => Tensors.OutputChannels == 2 * LatentShape.Channels;

    /// <inheritdoc/>
    public int LaneCount => Tensors.Session.LaneCount;

    /// <inheritdoc/>
    public string Description => $"{_kind}, {Tensors.Session.Description}";

    /// <inheritdoc/>
    public string Signature => Tensors.Session.Signature;

    /// <summary>The network and its tensors, for those who bind them themselves.</summary>
    internal BackboneTensors Tensors { get; }

    /// <inheritdoc/>
    public int FitBatchSize(int requested, bool guided)
    {
        if (Tensors.Latents.Dimensions[0] is not { } rows)
            return requested > 0 ? requested : Tensors.Session.ChooseBatchSize((long)LatentShape.Height * LatentShape.Width, LargestSmallLatent);
        if (guided && rows % 2 != 0)
            throw new DdoqException($"{Tensors.Session.Path} was exported with a fixed batch of {rows}; guidance needs an even one", "export it with a free batch dimension, or use guidance scale 1");
        return guided ? rows / 2 : rows;
    }

    /// <inheritdoc/>
    public IBackboneBatch CreateBatch(int batchSize, bool guided)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batchSize);
        return new HostBatch(this, batchSize, guided);
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        Tensors.Session.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Makes the other inputs of one batch in flight.</summary>
    /// <param name="batchSize">Rows, before guidance doubles them.</param>
    /// <param name="guided">Whether every row has a second one without condition.</param>
    internal abstract BackboneConditions CreateConditions(int batchSize, bool guided);
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
