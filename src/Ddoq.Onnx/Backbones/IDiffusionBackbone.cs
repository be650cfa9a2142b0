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
