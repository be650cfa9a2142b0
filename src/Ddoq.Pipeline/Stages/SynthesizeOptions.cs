using Ddoq.Latents;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Stages;

/// <summary>What <see cref="SynthesizeStage"/> is asked to do; null leaves a choice to the model.</summary>
/// <param name="Model">Diffusion model folder.</param>
/// <param name="Scheduler">Sampler.</param>
/// <param name="NumInferenceSteps">Steps of the full schedule.</param>
/// <param name="GuidanceScale">Classifier-free guidance scale.</param>
/// <param name="StartAlphaBar">Start level as alpha-bar; excludes <paramref name="Strength"/>.</param>
/// <param name="Strength">Start level as strength.</param>
/// <param name="Eta">DDIM's eta.</param>
/// <param name="BatchSize">Images denoised at a time; 0 chooses by the latent's size and the provider.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="FromNoise">Ignore the prototypes and start from pure noise (the control).</param>
/// <param name="WeightRule">Rule for the weights written to the metadata.</param>
/// <param name="Provider">Execution provider.</param>
public sealed record SynthesizeOptions(
    string Model,
    SchedulerKind Scheduler,
    int? NumInferenceSteps,
    double? GuidanceScale,
    double? StartAlphaBar,
    double? Strength,
    double Eta,
    int BatchSize,
    ulong Seed,
    bool FromNoise,
    WeightRule WeightRule,
    ExecutionProvider Provider)
{
    /// <summary>Start level when neither the user nor the model names one; D4M's is 0.0819.</summary>
    /// <remarks>
    /// Chosen on 2,000 held-out training images of Fashion-MNIST, with both reference models and three students each (bench/sweep):
    /// better than 0.25 by 0.8 points with a standard error of 0.2. At 0.03 the mean is as good and the spread is wider.
    /// </remarks>
    public const double DefaultStartAlphaBar = 0.08;

    // Attention over the positions of a latent grows with their square; small latents cost next to nothing.
    private const int SmallLatent = 16 * 16, SmallLatentBatch = 50;
    private const int CpuPositions = 8 * 32 * 32, DevicePositions = 64 * 32 * 32;

    /// <summary>Template of a class's prompt; null takes the model's, or <see cref="Onnx.Text.PromptTemplate.Default"/>.</summary>
    public string? Prompt { get; init; }

    /// <summary>What guidance leads away from; null takes the model's, or the empty prompt.</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>File with the classes' words for prompts (<see cref="Onnx.Text.ClassTexts"/>); null takes their names.</summary>
    public string? ClassTexts { get; init; }

    /// <summary>Whether guidance acts on all channels or on the first three only.</summary>
    public bool GuideAllChannels { get; init; } = true;

    /// <summary>Which timesteps are kept; null takes the model's.</summary>
    public TimestepSpacing? Spacing { get; init; }

    /// <summary>Whether PNDM starts in the middle with its reference implementation's lag of one interval.</summary>
    public bool PndmImageToImageQuirk { get; init; }

    /// <summary>Reads the options from a configuration.</summary>
    /// <exception cref="UsageException">Both start levels are given.</exception>
    public static SynthesizeOptions From(PipelineConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        double? alphaBar = configuration.TryGet(Settings.StartAlphaBar, out double a) ? a : null;
        double? strength = configuration.TryGet(Settings.Strength, out double s) ? s : null;
        if (alphaBar is not null && strength is not null)
            throw new UsageException("--start-alpha-bar and --strength exclude each other", "Give one of them; alpha-bar means the same for every model.");
        return new SynthesizeOptions(
            SettingsMapping.Model(configuration),
            SettingsMapping.Scheduler(configuration.Get(Settings.Scheduler)),
            configuration.TryGet(Settings.NumInferenceSteps, out int steps) ? steps : null,
            configuration.TryGet(Settings.GuidanceScale, out double guidance) ? guidance : null,
            alphaBar,
            strength,
            configuration.Get(Settings.Eta),
            configuration.Get(Settings.SynthesisBatchSize),
            SettingsMapping.Seed(configuration),
            FromNoise: false,
            SettingsMapping.Weights(configuration.Get(Settings.Weights)),
            SettingsMapping.Provider(configuration.Get(Settings.Provider)))
        {
            Prompt = configuration.TryGet(Settings.Prompt, out string? prompt) ? prompt : null,
            NegativePrompt = configuration.TryGet(Settings.NegativePrompt, out string? negative) ? negative : null,
            ClassTexts = configuration.TryGet(Settings.ClassTexts, out string? texts) ? texts : null,
            GuideAllChannels = configuration.Get(Settings.GuidanceChannels) == "all",
            Spacing = configuration.TryGet(Settings.TimestepSpacing, out string? spacing) ? SettingsMapping.Spacing(spacing) : null,
            PndmImageToImageQuirk = configuration.Get(Settings.PndmStart) == "lagging",
        };
    }

    /// <summary>Images denoised at a time: what was asked for, or a choice that depends on settings and model only, never on the machine.</summary>
    /// <param name="shape">Shape of one latent.</param>
    public int RowsPerBatch(LatentShape shape)
    {
        int positions = shape.Height * shape.Width;
        bool device = Provider is ExecutionProvider.Cuda or ExecutionProvider.TensorRt;
        return BatchSize > 0 ? BatchSize
            : positions <= SmallLatent ? SmallLatentBatch
            : Math.Max(1, (device ? DevicePositions : CpuPositions) / positions);
    }

    /// <summary>Where the reverse process starts.</summary>
    internal StartLevel Start(double? modelAlphaBar) => this switch
    {
        { FromNoise: true } => StartLevel.PureNoise,
        { StartAlphaBar: { } alphaBar } => StartLevel.FromAlphaBar(alphaBar),
        { Strength: { } strength } => StartLevel.FromStrength(strength),
        _ => StartLevel.FromAlphaBar(modelAlphaBar ?? DefaultStartAlphaBar),
    };
}
