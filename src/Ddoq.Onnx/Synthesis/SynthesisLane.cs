using Ddoq.Numerics;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Schedulers;

namespace Ddoq.Onnx.Synthesis;

/// <summary>One batch in flight, from prototypes to synthesised latents. Not safe for concurrent use.</summary>
internal interface ISynthesisLane : IDisposable
{
    /// <summary>Runs the reverse process on the rows of one batch.</summary>
    /// <param name="prototypes">[rows, c, h, w]; empty when the start is pure noise.</param>
    /// <param name="classes">At most a batch of classes.</param>
    /// <param name="streams">Their noise streams.</param>
    /// <param name="latents">Receives [rows, c, h, w].</param>
    /// <param name="cancellation">Looked at before every network call.</param>
    void Run(ReadOnlySpan<float> prototypes, ReadOnlySpan<int> classes, ReadOnlySpan<ulong> streams, Span<float> latents, CancellationToken cancellation);
}

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

/// <summary>The noise of one batch in flight: every row draws from its own stream, in the order of the calls.</summary>
internal sealed class LaneNoise(ulong seed, int batchSize, int length)
{
    private readonly CounterRandom[] _random = new CounterRandom[batchSize];
    private int _rows;

    /// <summary>Starts the streams of a batch's rows.</summary>
    public void Begin(ReadOnlySpan<ulong> streams)
    {
        _rows = streams.Length;
        for (int row = 0; row < _rows; row++)
            _random[row] = new CounterRandom(seed, streams[row]);
    }

    /// <summary>Draws for every row; the rows that fill up a short batch keep what they hold.</summary>
    public void Draw(Span<float> noise)
    {
        for (int row = 0; row < _rows; row++)
            _random[row].FillGaussian(noise.Slice(row * length, length));
    }
}
