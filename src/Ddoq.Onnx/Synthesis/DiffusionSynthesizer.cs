using System.Numerics.Tensors;
using Ddoq.Numerics;
using Ddoq.Onnx.Backbones;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Synthesis;

/// <summary>Pushes prototypes through the reverse process of a diffusion model: noise up to a start level, then denoise with guidance.</summary>
/// <remarks>
/// A row depends on its prototype, its class, its noise stream and the seed: noise is drawn per row, batches are always
/// full (short ones are padded), and every operation outside the network is element by element. The same rows in the same
/// order give the same bytes for any number of threads. Other batch sizes and other places in a batch gave the same bytes
/// with the reference model; an operator whose sums follow memory alignment may change the last bits. Safe for concurrent
/// callers. Source: algorithm 1, step 5, of the DDOQ paper.
/// </remarks>
public sealed class DiffusionSynthesizer : IDisposable
{
    // How far the nearest kept level may lie from the one asked for; 25 steps are within 0.05 of any.
    private const double MostStartDistance = 0.25;

    private readonly IDiffusionBackbone _backbone;
    private readonly SchedulerConfiguration _configuration;
    private readonly SynthesisOptions _options;
    private readonly StepNetwork? _step;
    private readonly LanePool<ISynthesisLane> _lanes;

    /// <summary>Prepares a synthesiser.</summary>
    /// <param name="backbone">The network; not disposed by this object.</param>
    /// <param name="configuration">The model's noise schedule.</param>
    /// <param name="options">How to run it.</param>
    /// <exception cref="UsageException">An option is out of range or does not fit the schedule.</exception>
    public DiffusionSynthesizer(IDiffusionBackbone backbone, SchedulerConfiguration configuration, SynthesisOptions options)
    {
        ArgumentNullException.ThrowIfNull(backbone);
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(options);
        options = options.ResolvedFor(new ModelDefaults());
        if (!float.IsFinite((float)options.GuidanceScale!.Value))
            throw new UsageException($"guidance scale is {options.GuidanceScale}; it must be a finite number of single precision");
        if (options.BatchSize < 1)
            throw new UsageException($"batch size is {options.BatchSize}; it must be positive, or left open");
        _backbone = backbone;
        _configuration = options.Spacing is { } spacing ? configuration with { Spacing = spacing } : configuration;
        _options = options;
        BatchSize = backbone.FitBatchSize(options.BatchSize ?? 0, options.IsGuided);
        INoiseScheduler scheduler = CreateScheduler();
        _ = StartOf(configuration, options);
        CallCount = scheduler.CallCount;
        StartAlphaBar = scheduler.StartAlphaBar;
        StartTimestep = scheduler.CallCount > 0 ? scheduler.Timestep(0) : 0;
        Scheduler = scheduler.Kind;
        var settings = new LaneSettings(backbone, options, BatchSize, CreateScheduler);
        _step = OpenStep(settings);
        _lanes = new LanePool<ISynthesisLane>(() => _step is null ? new HostLane(settings) : new DeviceLane(settings, (OnnxBackbone)backbone, _step));
    }

    /// <summary>Rows per network call, before guidance doubles them.</summary>
    public int BatchSize { get; }

    /// <summary>Network calls per batch (NFE).</summary>
    public int CallCount { get; }

    /// <summary>alpha-bar of the level the prototypes are noised to: the nearest kept one to what was asked for.</summary>
    public double StartAlphaBar { get; }

    /// <summary>Training timestep of that level; 0 where no step is run.</summary>
    public double StartTimestep { get; }

    /// <summary>The sampler in use.</summary>
    public SchedulerKind Scheduler { get; }

    /// <summary>Whether latents stay on the device between calls of the network.</summary>
    public bool KeepsLatentsOnDevice => _step is not null;

    /// <summary>alpha-bar of the kept level that a run starts at.</summary>
    /// <param name="configuration">The model's noise schedule.</param>
    /// <param name="options">How the reverse process is run, with every choice made.</param>
    /// <exception cref="UsageException">
    /// No kept level is near the one asked for: with few steps a grid may hold no noisy level at all, and what ran then would hardly
    /// be a reverse process.
    /// </exception>
    public static double StartOf(SchedulerConfiguration configuration, SynthesisOptions options)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(options);
        SchedulerKind kind = options.Scheduler ?? configuration.Kind;
        StartLevel start = options.Start!.Value;
        var grid = TimestepGrid.Create(kind, options.Spacing is { } spacing ? configuration with { Spacing = spacing } : configuration, options.NumInferenceSteps!.Value);
        int index = start.SelectIndex(grid.AlphaBars);
        double found = index < grid.AlphaBars.Length ? grid.AlphaBars[index] : 1;
        return start.IsStrength || start.IsNoDiffusion || Math.Abs(found - (start.AlphaBar ?? 0)) <= MostStartDistance
            ? found
            : throw new UsageException(
                string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{options.NumInferenceSteps} inference steps of {kind} keep no noise level near {start}: the nearest has alpha-bar {found:0.####}"),
                "use more steps (--num-inference-steps), or --scheduler dpm-solver++, whose first step is the noisiest");
    }

    /// <summary>Network calls per batch of a run (NFE).</summary>
    /// <param name="configuration">The model's noise schedule.</param>
    /// <param name="options">How the reverse process is run, with every choice made.</param>
    /// <exception cref="UsageException">An option is out of range or does not fit the schedule.</exception>
    public static int CallsOf(SchedulerConfiguration configuration, SynthesisOptions options)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(options);
        return CreateScheduler(options, options.Spacing is { } spacing ? configuration with { Spacing = spacing } : configuration, hasLearnedVariance: false).CallCount;
    }

    /// <summary>Synthesises latents.</summary>
    /// <param name="prototypes">[n, c, h, w], scaled; ignored (and may be empty) when the start is pure noise.</param>
    /// <param name="classes">n classes, 0-based; rows of many classes may mix.</param>
    /// <param name="noiseStreams">n streams, from <see cref="RandomStreams.Synthesis(int, int, int)"/>.</param>
    /// <param name="latents">Receives [n, c, h, w], scaled; may be <paramref name="prototypes"/>' memory.</param>
    /// <param name="progress">Advanced by finished rows; the caller begins and ends the stage.</param>
    /// <param name="cancellation">Looked at before every network call.</param>
    /// <param name="nameOf">Words for a row, for errors; null for its number and class.</param>
    /// <exception cref="ArgumentException">Lengths disagree.</exception>
    /// <exception cref="DdoqException">A class does not exist, a prototype is not finite, or the network fails or diverges.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; finished batches are in <paramref name="latents"/>.</exception>
    public unsafe void Generate(
        ReadOnlySpan<float> prototypes,
        ReadOnlySpan<int> classes,
        ReadOnlySpan<ulong> noiseStreams,
        Span<float> latents,
        IProgressSink progress,
        CancellationToken cancellation,
        Func<int, string>? nameOf = null)
    {
        ArgumentNullException.ThrowIfNull(progress);
        int count = classes.Length, length = _backbone.LatentShape.Length;
        if (noiseStreams.Length != count)
            throw new ArgumentException($"{noiseStreams.Length} noise streams for {count} rows", nameof(noiseStreams));
        RowSpans.Check(nameof(latents), latents.Length, count, length);
        bool pure = _options.Start!.Value.IsPureNoise;
        if (!pure)
            RowSpans.Check(nameof(prototypes), prototypes.Length, count, length);
        for (int row = 0; row < count; row++)
        {
            if ((uint)classes[row] >= (uint)_backbone.ClassCount)
                throw new DdoqException($"row {row} asks for class {classes[row]}; the diffusion model has classes 0 to {_backbone.ClassCount - 1}", "use a model that was trained on this dataset's classes");
            if (!pure && TensorPrimitives.IsFiniteAll(prototypes.Slice(row * length, length)) is false)
                throw new DdoqException($"prototype of row {row} (class {classes[row]}) holds a value that is not finite", "quantise again; check the latents with: ddoq inspect");
        }

        fixed (float* prototypesPin = prototypes, latentsPin = latents)
        fixed (int* classesPin = classes)
        fixed (ulong* streamsPin = noiseStreams)
        {
            float* source = prototypesPin, destination = latentsPin;
            int* labels = classesPin;
            ulong* streams = streamsPin;
            BatchLoop.Run(count, BatchSize, _backbone.LaneCount, _lanes, (lane, first, rows) =>
            {
                var result = new Span<float>(destination + ((long)first * length), rows * length);
                var rowClasses = new ReadOnlySpan<int>(labels + first, rows);
                lane.Run(
                    pure ? [] : new ReadOnlySpan<float>(source + ((long)first * length), rows * length),
                    rowClasses,
                    new ReadOnlySpan<ulong>(streams + first, rows),
                    result,
                    cancellation);
                for (int row = 0; row < rows; row++)
                {
                    if (!TensorPrimitives.IsFiniteAll<float>(result.Slice(row * length, length)))
                        throw new DdoqException($"{nameOf?.Invoke(first + row) ?? $"row {first + row} (class {rowClasses[row]})"} is not finite after {CallCount} steps", "lower the guidance scale, or use a network in float32");
                }

                progress.Advance(rows);
            }, cancellation);
        }
    }

    /// <summary>Frees the buffers of the batches; not the network.</summary>
    public void Dispose()
    {
        _lanes.Dispose();
        _step?.Dispose();
    }

    // Samplers that clip or follow a learned variance are no sums and stay on the CPU.
    private StepNetwork? OpenStep(LaneSettings settings)
    {
        if (CallCount == 0 || _backbone is not OnnxBackbone { Tensors: { } tensors }
            || !(_options.KeepLatentsOnDevice ?? tensors.Session.Provider != ExecutionProvider.Cpu)
            || LinearSchedule.TryTrace(CreateScheduler()) is not { } schedule)
        {
            return null;
        }

        return StepNetwork.Open(tensors, schedule, BatchSize, settings.GuidanceScale, settings.GuidedChannels);
    }

    private INoiseScheduler CreateScheduler() => CreateScheduler(_options, _configuration, _backbone.PredictsVariance);

    private static INoiseScheduler CreateScheduler(SynthesisOptions options, SchedulerConfiguration configuration, bool hasLearnedVariance) =>
        NoiseScheduler.Create(options.Scheduler, configuration, new SchedulerOptions
        {
            NumInferenceSteps = options.NumInferenceSteps!.Value,
            Start = options.Start!.Value,
            Eta = options.Eta,
            PndmImageToImageQuirk = options.PndmImageToImageQuirk,
            HasLearnedVariance = hasLearnedVariance,
        });
}
