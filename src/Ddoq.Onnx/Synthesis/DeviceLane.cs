using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Ddoq.Onnx.Synthesis;

/// <summary>
/// A lane whose latents stay where the network runs: network and <see cref="StepNetwork"/> read and write each other's
/// tensors in place. What crosses the bus is the start, the timestep and a few coefficients per call, fresh noise where the
/// sampler draws it, and the result.
/// </summary>
/// <remarks>
/// Every run of a session ends when its work is done (ONNX Runtime's default), so the two sessions need no common stream.
/// On the CPU the same code runs in the program's memory, where the tests compare it with <see cref="HostLane"/>; on a GPU it has not run.
/// </remarks>
internal sealed class DeviceLane : ISynthesisLane
{
    private readonly LaneSettings _settings;
    private readonly INoiseScheduler _scheduler;
    private readonly StepNetwork _step;
    private readonly BackboneConditions _conditions;
    private readonly BackboneTensors _tensors;
    private readonly LaneNoise _random;
    private readonly int[] _classes;
    private readonly ProviderMemory _memory;
    private readonly TensorBuffer _start;
    private readonly TensorBuffer _startInput;
    private readonly TensorBuffer _noise;
    private readonly TensorBuffer _coefficients;
    private readonly TensorBuffer _result;
    private readonly OrtValue _raw;
    private readonly OrtValue _input;
    private readonly OrtValue[] _samples;
    private readonly OrtValue[] _predictions;
    private readonly BoundCall _network;
    private readonly BoundCall _advance;

    public DeviceLane(LaneSettings settings, OnnxBackbone backbone, StepNetwork step)
    {
        _settings = settings;
        _step = step;
        _tensors = backbone.Tensors;
        _scheduler = settings.CreateScheduler();
        _conditions = backbone.CreateConditions(settings.BatchSize, settings.IsGuided);
        _random = new LaneNoise(settings.Options.Seed, settings.BatchSize, _tensors.Shape.Length);
        _classes = new int[settings.BatchSize];
        int rows = settings.IsGuided ? 2 * settings.BatchSize : settings.BatchSize;
        long[] shape = _tensors.LatentsShape(settings.BatchSize), inputShape = _tensors.LatentsShape(rows);
        _start = Host(StepNetwork.SampleName(0), shape);
        _startInput = new TensorBuffer(_tensors.Latents, inputShape);
        _noise = Host(StepNetwork.NoiseName, shape);
        _coefficients = Host(StepNetwork.CoefficientsName, step.CoefficientsOf(0).Length);
        _result = Host(StepNetwork.NextName, shape);

        // A step reads so many older samples and predictions while it writes the next of each.
        _memory = new ProviderMemory(_tensors.Session);
        _raw = _memory.Allocate(_tensors.Prediction.Element, _tensors.PredictionShape(rows));
        _input = _memory.Allocate(_tensors.Latents.Element, inputShape);
        _samples = [.. Enumerable.Range(0, step.Reach + 2).Select(_ => _memory.Allocate(TensorElementType.Float, shape))];
        _predictions = [.. Enumerable.Range(0, step.Reach + 1).Select(_ => _memory.Allocate(TensorElementType.Float, shape))];
        _network = new BoundCall(_tensors.Session, _conditions.Tensors, []);
        _network.BindOutput(_tensors.Prediction.Name, _raw);
        _advance = new BoundCall(step.Session, step.HasNoise ? [_coefficients, _noise] : [_coefficients], []);
        _advance.BindInput(StepNetwork.RawName, _raw);
        _advance.BindOutput(StepNetwork.InputName, _input);
    }

    public void Run(ReadOnlySpan<float> prototypes, ReadOnlySpan<int> classes, ReadOnlySpan<ulong> streams, Span<float> latents, CancellationToken cancellation)
    {
        Array.Clear(_classes);
        classes.CopyTo(_classes);
        _conditions.SetClasses(_classes);
        Begin(prototypes, streams);
        for (int call = 0; call < _scheduler.CallCount; call++)
        {
            cancellation.ThrowIfCancellationRequested();
            _conditions.SetTimestep(_scheduler.Timestep(call));
            _network.BindInput(_tensors.Latents.Name, call == 0 ? _startInput.Value : _input);
            _network.Run();
            Advance(call);
        }

        _result.Floats[..latents.Length].CopyTo(latents);
    }

    public void Dispose()
    {
        _network.Dispose();
        _advance.Dispose();
        foreach (OrtValue value in (ReadOnlySpan<OrtValue>)[_raw, _input, .. _samples, .. _predictions])
            value.Dispose();
        foreach (TensorBuffer buffer in (ReadOnlySpan<TensorBuffer>)[_start, _startInput, _result])
            buffer.Dispose();
        if (!_step.HasNoise)
            _noise.Dispose();
        _memory.Dispose();
    }

    private static TensorBuffer Host(string name, params long[] shape) => new(TensorSignature.OfFloats(name), shape);

    // The start is computed by the sampler itself and sent once.
    private void Begin(ReadOnlySpan<float> prototypes, ReadOnlySpan<ulong> streams)
    {
        _noise.Floats.Clear();
        _random.Begin(streams);
        _random.Draw(_noise.Floats);
        _scheduler.Begin();
        Span<float> input = _startInput.Floats[.._start.Floats.Length];
        if (_settings.StartsFromNoise)
        {
            _scheduler.StartFromNoise(_noise.Floats, _start.Floats);
        }
        else
        {
            prototypes.CopyTo(input);
            input[prototypes.Length..].Clear();
            _scheduler.AddNoise(input, _noise.Floats, _start.Floats);
        }

        _scheduler.ScaleModelInput(0, _start.Floats, input);
        if (_settings.IsGuided)
            input.CopyTo(_startInput.Floats[input.Length..]);
        _startInput.BeforeRun();
    }

    private void Advance(int call)
    {
        _step.CoefficientsOf(call).CopyTo(_coefficients.Floats);
        if (_scheduler.DrawsNoise(call))
            _random.Draw(_noise.Floats);
        OrtValue current = Sample(call);
        for (int age = 0; age <= _step.Reach; age++)
        {
            // What does not exist yet has coefficient 0; memory that was never written could still hold a NaN.
            _advance.BindInput(StepNetwork.SampleName(age), age <= call ? Sample(call - age) : current);
            if (age > 0)
                _advance.BindInput(StepNetwork.OlderName(age), age <= call ? Prediction(call - age) : current);
        }

        bool isLast = call == _scheduler.CallCount - 1;
        _advance.BindOutput(StepNetwork.GuidedName, Prediction(call));
        _advance.BindOutput(StepNetwork.NextName, isLast ? _result.Value : Sample(call + 1));
        _advance.Run();
    }

    private OrtValue Sample(int call) => call == 0 ? _start.Value : _samples[call % _samples.Length];

    private OrtValue Prediction(int call) => _predictions[call % _predictions.Length];
}
