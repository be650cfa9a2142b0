using System.Numerics.Tensors;
using Ddoq.Latents;
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

/// <summary>A lane whose latents lie in the program's memory: sampler and guidance run on the CPU, beside the network.</summary>
internal sealed class HostLane : ISynthesisLane
{
    private readonly LaneSettings _settings;
    private readonly IBackboneBatch _batch;
    private readonly INoiseScheduler _scheduler;
    private readonly LaneNoise _random;
    private readonly int[] _classes;
    private readonly float[] _sample;
    private readonly float[] _noise;
    private readonly float[] _prediction;
    private readonly float[] _variance;

    public HostLane(LaneSettings settings)
    {
        _settings = settings;
        int length = settings.Backbone.LatentShape.Length, values = settings.BatchSize * length;
        _batch = settings.Backbone.CreateBatch(settings.BatchSize, settings.IsGuided);
        _scheduler = settings.CreateScheduler();
        _random = new LaneNoise(settings.Options.Seed, settings.BatchSize, length);
        _classes = new int[settings.BatchSize];
        _sample = new float[values];
        _noise = new float[values];
        _prediction = new float[values];
        _variance = new float[_scheduler.UsesLearnedVariance ? values : 0];
    }

    public void Run(ReadOnlySpan<float> prototypes, ReadOnlySpan<int> classes, ReadOnlySpan<ulong> streams, Span<float> latents, CancellationToken cancellation)
    {
        Array.Clear(_classes);
        classes.CopyTo(_classes);
        _batch.SetClasses(_classes);
        Array.Clear(_noise);
        _random.Begin(streams);
        _random.Draw(_noise);

        _scheduler.Begin();
        if (_settings.StartsFromNoise)
        {
            _scheduler.StartFromNoise(_noise, _sample);
        }
        else
        {
            // The network's input buffer serves as the padded copy of the prototypes.
            prototypes.CopyTo(_batch.Latents);
            _batch.Latents[prototypes.Length..].Clear();
            _scheduler.AddNoise(_batch.Latents, _noise, _sample);
        }

        for (int call = 0; call < _scheduler.CallCount; call++)
        {
            cancellation.ThrowIfCancellationRequested();
            _scheduler.ScaleModelInput(call, _sample, _batch.Latents);
            _batch.Predict(_scheduler.Timestep(call));
            for (int row = 0; row < _settings.BatchSize; row++)
                Guide(row);
            if (_scheduler.DrawsNoise(call))
                _random.Draw(_noise);
            _scheduler.Step(call, _prediction, _variance, _noise, _sample);
        }

        _sample.AsSpan(0, latents.Length).CopyTo(latents);
    }

    public void Dispose() => _batch.Dispose();

    private void Guide(int row)
    {
        LatentShape shape = _settings.Backbone.LatentShape;
        int length = shape.Length, stride = _batch.Conditional.Length / _settings.BatchSize;
        ReadOnlySpan<float> conditional = _batch.Conditional.Slice(row * stride, stride);
        Span<float> prediction = _prediction.AsSpan(row * length, length);
        conditional[..length].CopyTo(prediction);
        if (_settings.IsGuided)
        {
            int guided = _settings.GuidedChannels * shape.Height * shape.Width;
            ReadOnlySpan<float> unconditional = _batch.Unconditional.Slice(row * stride, guided);
            Span<float> head = prediction[..guided];
            TensorPrimitives.Subtract(head, unconditional, head);
            TensorPrimitives.MultiplyAdd(head, _settings.GuidanceScale, unconditional, head);
        }

        // The variance follows the class; guidance acts on the noise only.
        if (_variance.Length > 0)
            conditional.Slice(length, length).CopyTo(_variance.AsSpan(row * length, length));
    }
}
