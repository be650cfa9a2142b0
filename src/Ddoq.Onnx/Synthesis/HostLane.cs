using System.Numerics.Tensors;
using Ddoq.Latents;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Schedulers;

namespace Ddoq.Onnx.Synthesis;

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
