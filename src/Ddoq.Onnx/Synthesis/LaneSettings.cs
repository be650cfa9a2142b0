using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Schedulers;

namespace Ddoq.Onnx.Synthesis;

/// <summary>What the lanes of one synthesiser share.</summary>
/// <param name="Backbone">The network.</param>
/// <param name="Options">How it is run, with every choice made.</param>
/// <param name="BatchSize">Rows per batch.</param>
/// <param name="CreateScheduler">Makes a sampler for one lane.</param>
internal sealed record LaneSettings(IDiffusionBackbone Backbone, SynthesisOptions Options, int BatchSize, Func<INoiseScheduler> CreateScheduler)
{
    // The original DiT code guides this many channels and leaves the fourth alone.
    private const int OriginalGuidedChannels = 3;

    public bool IsGuided => Options.IsGuided;

    public float GuidanceScale => (float)Options.GuidanceScale!.Value;

    public bool StartsFromNoise => Options.Start!.Value.IsPureNoise;

    /// <summary>Channels that guidance acts on, from the first.</summary>
    public int GuidedChannels => Options.GuideAllChannels ? Backbone.LatentShape.Channels : Math.Min(OriginalGuidedChannels, Backbone.LatentShape.Channels);
}
