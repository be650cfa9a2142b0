using Ddoq.Latents;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Backbones;

/// <summary>The network of the reverse process, whatever conditions it: class labels (DiT) or text (UNet).</summary>
/// <remarks>Safe for concurrent use; what is not shared lies in the batches it makes.</remarks>
public interface IDiffusionBackbone : IDisposable
{
    /// <summary>Shape of one latent.</summary>
    LatentShape LatentShape { get; }

    /// <summary>Classes that can be asked for.</summary>
    int ClassCount { get; }

    /// <summary>Whether each prediction is followed by as many channels of predicted variance.</summary>
    bool PredictsVariance { get; }

    /// <summary>Batches worth having in flight at once.</summary>
    int LaneCount { get; }

    /// <summary>Network, provider, device and threads in words.</summary>
    string Description { get; }

    /// <summary>What the network takes and gives, in words.</summary>
    string Signature { get; }

    /// <summary>Rows per batch that suit the network and the provider.</summary>
    /// <param name="requested">What the user asked for; 0 to choose.</param>
    /// <param name="guided">Whether every row needs a second one without condition.</param>
    /// <exception cref="DdoqException">The network was exported with a fixed batch that does not allow it.</exception>
    int FitBatchSize(int requested, bool guided);

    /// <summary>Makes the buffers of one batch in flight.</summary>
    /// <param name="batchSize">Rows, from <see cref="FitBatchSize"/>.</param>
    /// <param name="guided">Whether predictions without condition are wanted too.</param>
    IBackboneBatch CreateBatch(int batchSize, bool guided);
}

/// <summary>The buffers of one batch in flight. Not safe for concurrent use.</summary>
/// <remarks>Spans stay valid until the batch is disposed; their contents until the next <see cref="Predict"/>.</remarks>
public interface IBackboneBatch : IDisposable
{
    /// <summary>Rows (B).</summary>
    int BatchSize { get; }

    /// <summary>The network's input, [B, c, h, w]; written by the caller before each <see cref="Predict"/>.</summary>
    Span<float> Latents { get; }

    /// <summary>The last prediction for the rows' classes, [B, c or 2c, h, w].</summary>
    ReadOnlySpan<float> Conditional { get; }

    /// <summary>The last prediction without a class, [B, c or 2c, h, w]; empty when not guided.</summary>
    ReadOnlySpan<float> Unconditional { get; }

    /// <summary>Sets the rows' classes, which hold until they are set again.</summary>
    /// <param name="classes">B class indices, 0-based.</param>
    void SetClasses(ReadOnlySpan<int> classes);

    /// <summary>Runs the network, with the guided rows in the same call.</summary>
    /// <param name="timestep">Training timestep, the same for all rows; rounded where the network takes whole ones.</param>
    /// <exception cref="DdoqException">The network fails.</exception>
    void Predict(double timestep);
}

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

/// <summary>One batch in flight whose latents and predictions lie in the program's memory.</summary>
internal sealed class HostBatch : IBackboneBatch
{
    private readonly BackboneTensors _tensors;
    private readonly BackboneConditions _conditions;
    private readonly TensorBuffer _latents;
    private readonly TensorBuffer _predictions;
    private readonly BoundCall _call;
    private readonly bool _guided;

    public HostBatch(OnnxBackbone backbone, int batchSize, bool guided)
    {
        _tensors = backbone.Tensors;
        _guided = guided;
        BatchSize = batchSize;
        int rows = guided ? 2 * batchSize : batchSize;
        _conditions = backbone.CreateConditions(batchSize, guided);
        _latents = new TensorBuffer(_tensors.Latents, _tensors.LatentsShape(rows));
        _predictions = new TensorBuffer(_tensors.Prediction, _tensors.PredictionShape(rows));
        _call = new BoundCall(_tensors.Session, [_latents, .. _conditions.Tensors], [_predictions]);
    }

    public int BatchSize { get; }

    public Span<float> Latents => _latents.Floats[..(BatchSize * _tensors.Shape.Length)];

    public ReadOnlySpan<float> Conditional => Half(_tensors.ConditionalFirst || !_guided);

    public ReadOnlySpan<float> Unconditional => _guided ? Half(!_tensors.ConditionalFirst) : [];

    public void SetClasses(ReadOnlySpan<int> classes) => _conditions.SetClasses(classes[..BatchSize]);

    public void Predict(double timestep)
    {
        _conditions.SetTimestep(timestep);
        if (_guided)
            Latents.CopyTo(_latents.Floats[Latents.Length..]);
        _call.Run();
    }

    public void Dispose() => _call.Dispose();

    private Span<float> Half(bool first)
    {
        int length = BatchSize * _tensors.PredictionLength;
        return first ? _predictions.Floats[..length] : _predictions.Floats.Slice(length, length);
    }
}
