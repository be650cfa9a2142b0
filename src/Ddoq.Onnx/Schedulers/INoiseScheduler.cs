namespace Ddoq.Onnx.Schedulers;

/// <summary>One run of the reverse process over a batch: which timesteps are asked of the network and what is done with the answers.</summary>
/// <remarks>
/// A run is <see cref="Begin"/>, then <see cref="AddNoise"/> or <see cref="StartFromNoise"/>, then for each call
/// <see cref="ScaleModelInput"/>, the network, <see cref="Step"/>. Spans hold whole batches in any layout, the same in
/// every call of a run; every element is treated alike, so rows do not influence each other. Not safe for concurrent
/// use: one instance per batch in flight. Nothing is allocated after the first run of a size.
/// </remarks>
public interface INoiseScheduler
{
    /// <summary>The sampler.</summary>
    SchedulerKind Kind { get; }

    /// <summary>Calls of the network in one run.</summary>
    int CallCount { get; }

    /// <summary>alpha-bar of the level the run starts at.</summary>
    double StartAlphaBar { get; }

    /// <summary>Whether <see cref="Step"/> reads the network's variance prediction.</summary>
    bool UsesLearnedVariance { get; }

    /// <summary>The timestep asked of the network.</summary>
    /// <param name="call">0-based call.</param>
    double Timestep(int call);

    /// <summary>Whether a step needs fresh standard normal noise.</summary>
    /// <param name="call">0-based call.</param>
    bool DrawsNoise(int call);

    /// <summary>Forgets the previous run.</summary>
    void Begin();

    /// <summary>Puts noise on data, up to the level the run starts at.</summary>
    /// <param name="latents">Data, scaled as the network expects them.</param>
    /// <param name="noise">Standard normal, as long as <paramref name="latents"/>.</param>
    /// <param name="sample">Receives the sample in the scheduler's own frame (Euler: data + sigma noise).</param>
    void AddNoise(ReadOnlySpan<float> latents, ReadOnlySpan<float> noise, Span<float> sample);

    /// <summary>Starts from noise alone.</summary>
    /// <param name="noise">Standard normal.</param>
    /// <param name="sample">Receives the sample in the scheduler's own frame.</param>
    void StartFromNoise(ReadOnlySpan<float> noise, Span<float> sample);

    /// <summary>The network's input for a sample.</summary>
    /// <param name="call">0-based call.</param>
    /// <param name="sample">The current sample.</param>
    /// <param name="input">Receives the input, as long as <paramref name="sample"/>.</param>
    void ScaleModelInput(int call, ReadOnlySpan<float> sample, Span<float> input);

    /// <summary>One step of the reverse process, in place. After the last call the sample is data.</summary>
    /// <param name="call">0-based call; calls of a run come in order.</param>
    /// <param name="prediction">The network's (guided) prediction.</param>
    /// <param name="variance">The network's variance prediction when <see cref="UsesLearnedVariance"/>, otherwise empty.</param>
    /// <param name="noise">Standard normal when <see cref="DrawsNoise"/>, otherwise ignored.</param>
    /// <param name="sample">The current sample; receives the next.</param>
    void Step(int call, ReadOnlySpan<float> prediction, ReadOnlySpan<float> variance, ReadOnlySpan<float> noise, Span<float> sample);
}

/// <summary>What a run of the reverse process is asked to do, beside the model's own noise schedule.</summary>
public sealed record SchedulerOptions
{
    /// <summary>Kept timesteps (NFE is this times the share that is run).</summary>
    public int NumInferenceSteps { get; init; } = new Models.ModelDefaults().NumInferenceSteps;

    /// <summary>Where the run starts.</summary>
    public StartLevel Start { get; init; }

    /// <summary>DDIM's share of fresh noise: 0 none, 1 as much as ancestral sampling.</summary>
    public double Eta { get; init; }

    /// <summary>
    /// PNDM only: start in the middle as the reference implementation's image-to-image pipeline does. It drops the
    /// repeated second timestep but still counts it, so the sample lags the timestep by one interval. D4M's results
    /// were made so.
    /// </summary>
    public bool PndmImageToImageQuirk { get; init; }

    /// <summary>DDPM only: whether the network predicts a variance.</summary>
    public bool HasLearnedVariance { get; init; }
}
