using Ddoq.Latents;

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
