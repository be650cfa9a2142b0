using System.Numerics.Tensors;

namespace Ddoq.Onnx.Schedulers;

/// <summary>What all samplers in the variance-preserving frame share: <c>x = sqrt(a) data + sqrt(1 - a) noise</c>.</summary>
public abstract class NoiseScheduler : INoiseScheduler
{
    private protected NoiseScheduler(SchedulerKind kind, SchedulerConfiguration configuration, SchedulerOptions options)
    {
        Kind = kind;
        Configuration = configuration;
        Grid = TimestepGrid.Create(kind, configuration, options.NumInferenceSteps);
        StartIndex = options.Start.SelectIndex(Grid.AlphaBars);
    }

    /// <inheritdoc/>
    public SchedulerKind Kind { get; }

    /// <inheritdoc/>
    public virtual int CallCount => Grid.Timesteps.Length - StartIndex;

    /// <inheritdoc/>
    public virtual double StartAlphaBar => StartIndex < Grid.AlphaBars.Length ? Grid.AlphaBars[StartIndex] : 1;

    /// <inheritdoc/>
    public virtual bool UsesLearnedVariance => false;

    /// <summary>Whether a step is a sum of samples, predictions and noises with fixed coefficients (<see cref="LinearSchedule"/>).</summary>
    internal virtual bool IsLinear => true;

    private protected SchedulerConfiguration Configuration { get; }

    private protected TimestepGrid Grid { get; }

    private protected int StartIndex { get; }

    /// <summary>Makes a sampler.</summary>
    /// <param name="kind">The sampler; null takes the one the configuration names.</param>
    /// <param name="configuration">The model's noise schedule.</param>
    /// <param name="options">Steps, start and variants.</param>
    /// <exception cref="UsageException">The options do not fit the schedule.</exception>
    public static INoiseScheduler Create(SchedulerKind? kind, SchedulerConfiguration configuration, SchedulerOptions options)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(options);
        return (kind ?? configuration.Kind) switch
        {
            SchedulerKind.Ddim => new DdimScheduler(configuration, options),
            SchedulerKind.DpmSolverPlusPlus => new DpmSolverScheduler(configuration, options),
            SchedulerKind.Euler => new EulerScheduler(configuration, options),
            SchedulerKind.Pndm => new PndmScheduler(configuration, options),
            SchedulerKind.Ddpm => new DdpmScheduler(configuration, options),
            var other => throw new UsageException($"scheduler {other} is not known"),
        };
    }

    /// <inheritdoc/>
    public virtual double Timestep(int call) => Grid.Timesteps[StartIndex + call];

    /// <inheritdoc/>
    public virtual bool DrawsNoise(int call) => false;

    /// <inheritdoc/>
    public virtual void Begin()
    {
    }

    /// <inheritdoc/>
    public virtual void AddNoise(ReadOnlySpan<float> latents, ReadOnlySpan<float> noise, Span<float> sample) =>
        Combine(Math.Sqrt(StartAlphaBar), latents, Math.Sqrt(1 - StartAlphaBar), noise, sample);

    /// <inheritdoc/>
    public virtual void StartFromNoise(ReadOnlySpan<float> noise, Span<float> sample) => noise.CopyTo(sample);

    /// <inheritdoc/>
    public virtual void ScaleModelInput(int call, ReadOnlySpan<float> sample, Span<float> input) => sample.CopyTo(input);

    /// <inheritdoc/>
    public abstract void Step(int call, ReadOnlySpan<float> prediction, ReadOnlySpan<float> variance, ReadOnlySpan<float> noise, Span<float> sample);

    /// <summary><c>destination = a x + b y</c>; the destination may be x or y.</summary>
    private protected static void Combine(double a, ReadOnlySpan<float> x, double b, ReadOnlySpan<float> y, Span<float> destination)
    {
        // MultiplyAdd reads each element before it writes it, but the product must not overwrite y.
        if (destination.Overlaps(y))
        {
            TensorPrimitives.Multiply(y, (float)b, destination);
            TensorPrimitives.MultiplyAdd(x, (float)a, destination, destination);
        }
        else
        {
            TensorPrimitives.Multiply(x, (float)a, destination);
            TensorPrimitives.MultiplyAdd(y, (float)b, destination, destination);
        }
    }

    /// <summary>Weights of sample and prediction in the predicted data.</summary>
    /// <remarks>
    /// Steps that need no clipping add these weights up in double and touch the sample once; going through the predicted
    /// data in single precision would lose digits where alpha-bar is small.
    /// </remarks>
    private protected (double Sample, double Prediction) DataWeights(double alphaBar)
    {
        double signal = Math.Sqrt(alphaBar), spread = Math.Sqrt(1 - alphaBar);
        return Configuration.Prediction switch
        {
            PredictionType.Epsilon => (1 / signal, -spread / signal),
            PredictionType.VPrediction => (signal, -spread),
            _ => (0, 1),
        };
    }

    /// <summary>Weights of sample and prediction in the predicted noise.</summary>
    private protected (double Sample, double Prediction) NoiseWeights(double alphaBar)
    {
        double signal = Math.Sqrt(alphaBar), spread = Math.Sqrt(1 - alphaBar);
        return Configuration.Prediction switch
        {
            PredictionType.Epsilon => (0, 1),
            PredictionType.VPrediction => (spread, signal),
            _ => (1 / spread, -signal / spread),
        };
    }

    /// <summary>The predicted data.</summary>
    private protected void PredictData(double alphaBar, ReadOnlySpan<float> prediction, ReadOnlySpan<float> sample, Span<float> data)
    {
        (double ofSample, double ofPrediction) = DataWeights(alphaBar);
        Combine(ofSample, sample, ofPrediction, prediction, data);
    }

    /// <summary>The predicted noise.</summary>
    private protected void PredictNoise(double alphaBar, ReadOnlySpan<float> prediction, ReadOnlySpan<float> sample, Span<float> noise)
    {
        (double ofSample, double ofPrediction) = NoiseWeights(alphaBar);
        Combine(ofSample, sample, ofPrediction, prediction, noise);
    }

    /// <summary>The predicted data, clipped to the configuration's range.</summary>
    private protected void PredictClippedData(double alphaBar, ReadOnlySpan<float> prediction, ReadOnlySpan<float> sample, Span<float> data)
    {
        float range = (float)Configuration.ClipSampleRange;
        PredictData(alphaBar, prediction, sample, data);
        TensorPrimitives.Max(data, -range, data);
        TensorPrimitives.Min(data, range, data);
    }

    /// <summary><c>values = exp(values)</c>, each element alike: the vectorised one takes another path at the end of short spans.</summary>
    private protected static void Exponentiate(Span<float> values)
    {
        foreach (ref float value in values)
            value = MathF.Exp(value);
    }

    /// <summary>A scratch buffer of at least the length, kept between runs.</summary>
    private protected static Span<float> Scratch(ref float[] buffer, int length)
    {
        if (buffer.Length < length)
            buffer = new float[length];
        return buffer.AsSpan(0, length);
    }
}
