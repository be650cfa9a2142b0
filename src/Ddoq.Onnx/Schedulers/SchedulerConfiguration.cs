using Ddoq.Onnx.Models;

namespace Ddoq.Onnx.Schedulers;

/// <summary>The noise schedule a model was trained with, in the keys of <c>scheduler_config.json</c>.</summary>
/// <remarks>
/// A key that is null is absent from the file and takes the default of the scheduler that is run, as the file's format
/// has it. Absent <c>clip_sample</c> means false here, because latents are not confined to [-1, 1].
/// </remarks>
public sealed record SchedulerConfiguration
{
    /// <summary>Stable Diffusion 1.x: scaled linear 0.00085 to 0.012, offset 1, PNDM.</summary>
    public static SchedulerConfiguration StableDiffusion { get; } = new()
    {
        Kind = SchedulerKind.Pndm,
        BetaStart = 0.00085,
        BetaEnd = 0.012,
        BetaSchedule = BetaSchedule.ScaledLinear,
        StepsOffset = 1,
        SetAlphaToOne = false,
        Spacing = TimestepSpacing.Leading,
    };

    /// <summary>DiT on ImageNet: linear 1e-4 to 0.02, offset 0, DDIM.</summary>
    public static SchedulerConfiguration DiT { get; } = new()
    {
        Kind = SchedulerKind.Ddim,
        SetAlphaToOne = true,
        Spacing = TimestepSpacing.Leading,
    };

    /// <summary>The scheduler the file names (<c>_class_name</c>).</summary>
    public SchedulerKind Kind { get; init; } = SchedulerKind.Ddim;

    /// <summary>Timesteps of the forward process (<c>num_train_timesteps</c>).</summary>
    public int TrainTimesteps { get; init; } = 1000;

    /// <summary>First beta.</summary>
    public double BetaStart { get; init; } = 0.0001;

    /// <summary>Last beta.</summary>
    public double BetaEnd { get; init; } = 0.02;

    /// <summary>Course of the betas.</summary>
    public BetaSchedule BetaSchedule { get; init; }

    /// <summary>Betas listed one by one (<c>trained_betas</c>); overrides the schedule.</summary>
    public IReadOnlyList<double>? TrainedBetas { get; init; }

    /// <summary>Which timesteps are kept; null takes the scheduler's own default.</summary>
    public TimestepSpacing? Spacing { get; init; }

    /// <summary>Added to the kept timesteps under <see cref="TimestepSpacing.Leading"/>.</summary>
    public int StepsOffset { get; init; }

    /// <summary>Whether the last step goes to alpha-bar 1 (true) or to the first timestep's (false); null takes the scheduler's default.</summary>
    public bool? SetAlphaToOne { get; init; }

    /// <summary>What the network predicts.</summary>
    public PredictionType Prediction { get; init; }

    /// <summary>Whether the predicted data are clipped to plus or minus <see cref="ClipSampleRange"/> (DDIM and DDPM only).</summary>
    public bool ClipSample { get; init; }

    /// <summary>Bound of <see cref="ClipSample"/>.</summary>
    public double ClipSampleRange { get; init; } = 1;

    /// <summary>Variance of ancestral steps; null takes the learned one where the network predicts it and the small one elsewhere.</summary>
    public PosteriorVariance? Variance { get; init; }

    /// <summary>Whether the last sigma of the DPM-Solver and Euler schedulers is 0 (true) or that of the first timestep.</summary>
    public bool FinalSigmaIsZero { get; init; } = true;

    /// <summary>Reads <c>scheduler_config.json</c>.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="DdoqException">The file is missing or malformed, or asks for something that is not supported; the key is named.</exception>
    public static SchedulerConfiguration Load(string path)
    {
        ConfigurationFile file = ConfigurationFile.Load(path);
        foreach (string key in (ReadOnlySpan<string>)["thresholding", "rescale_betas_zero_snr", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas"])
        {
            if (file.Boolean(key) == true)
                throw file.Unsupported(key, "true", "false");
        }

        string? algorithm = file.Text("algorithm_type");
        if (algorithm is not (null or "dpmsolver++" or "dpmsolver"))
            throw file.Unsupported("algorithm_type", algorithm, "dpmsolver++");
        string? solver = file.Text("solver_type");
        if (solver is not (null or "midpoint" or "logrho" or "bh2" or "bh1"))
            throw file.Unsupported("solver_type", solver, "midpoint");
        int trainTimesteps = file.Integer("num_train_timesteps") ?? 1000;
        IReadOnlyList<double>? betas = file.Numbers("trained_betas");
        if (betas is not null && betas.Count != trainTimesteps)
            throw new DdoqException($"{file.Path}: 'trained_betas' has {betas.Count} values, 'num_train_timesteps' is {trainTimesteps}; they must agree");
        var configuration = new SchedulerConfiguration
        {
            Kind = ParseKind(file),
            TrainTimesteps = trainTimesteps,
            BetaStart = file.Number("beta_start") ?? 0.0001,
            BetaEnd = file.Number("beta_end") ?? 0.02,
            BetaSchedule = file.Choice("beta_schedule", ("linear", BetaSchedule.Linear), ("scaled_linear", BetaSchedule.ScaledLinear), ("squaredcos_cap_v2", BetaSchedule.SquaredCosCapV2)) ?? BetaSchedule.Linear,
            TrainedBetas = betas,
            Spacing = file.Choice("timestep_spacing", ("leading", TimestepSpacing.Leading), ("linspace", TimestepSpacing.Linspace), ("trailing", TimestepSpacing.Trailing)),
            StepsOffset = file.Integer("steps_offset") ?? 0,
            SetAlphaToOne = file.Boolean("set_alpha_to_one"),
            Prediction = file.Choice("prediction_type", ("epsilon", PredictionType.Epsilon), ("v_prediction", PredictionType.VPrediction), ("sample", PredictionType.Sample)) ?? PredictionType.Epsilon,
            ClipSample = file.Boolean("clip_sample") ?? false,
            ClipSampleRange = file.Number("clip_sample_range") ?? 1,
            Variance = file.Choice("variance_type", ("fixed_small", PosteriorVariance.FixedSmall), ("fixed_small_log", PosteriorVariance.FixedSmall), ("fixed_large", PosteriorVariance.FixedLarge), ("learned_range", PosteriorVariance.LearnedRange)),
            FinalSigmaIsZero = file.Choice("final_sigmas_type", ("zero", true), ("sigma_min", false)) ?? true,
        };
        configuration.Validate(file.Path);
        return configuration;
    }

    private static SchedulerKind ParseKind(ConfigurationFile file) => file.Text("_class_name") switch
    {
        null or "DDIMScheduler" => SchedulerKind.Ddim,
        "PNDMScheduler" => SchedulerKind.Pndm,
        "DPMSolverMultistepScheduler" => SchedulerKind.DpmSolverPlusPlus,
        "EulerDiscreteScheduler" => SchedulerKind.Euler,
        "DDPMScheduler" => SchedulerKind.Ddpm,
        string other => throw file.Unsupported(
            "_class_name", other, "DDIMScheduler, PNDMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler or DDPMScheduler"),
    };

    private void Validate(string path)
    {
        bool ranged = BetaSchedule == BetaSchedule.SquaredCosCapV2 || TrainedBetas is not null
            || (BetaStart > 0 && BetaEnd < 1 && BetaStart <= BetaEnd);
        if (TrainTimesteps < 1 || StepsOffset < 0 || StepsOffset >= TrainTimesteps || !ranged || !(ClipSampleRange > 0))
        {
            throw new DdoqException(
                $"{path}: the noise schedule is not usable (num_train_timesteps {TrainTimesteps}, beta_start {BetaStart}, beta_end {BetaEnd}, steps_offset {StepsOffset}, clip_sample_range {ClipSampleRange})",
                "betas lie in (0, 1) and rise, steps_offset lies below num_train_timesteps, the range is positive");
        }
    }
}

/// <summary>How the noise variances of the forward process run over the training timesteps.</summary>
public enum BetaSchedule
{
    /// <summary><c>linear</c>: evenly spaced betas.</summary>
    Linear,

    /// <summary><c>scaled_linear</c>: evenly spaced square roots of the betas (Stable Diffusion).</summary>
    ScaledLinear,

    /// <summary><c>squaredcos_cap_v2</c>: alpha-bar follows a squared cosine, betas capped at 0.999 (Nichol and Dhariwal, 2021).</summary>
    SquaredCosCapV2,
}

/// <summary>The variance of an ancestral step (<see cref="SchedulerKind.Ddpm"/>).</summary>
public enum PosteriorVariance
{
    /// <summary><c>fixed_small</c>: the posterior variance <c>beta (1 - a') / (1 - a)</c>.</summary>
    FixedSmall,

    /// <summary><c>fixed_large</c>: beta of the respaced step.</summary>
    FixedLarge,

    /// <summary><c>learned_range</c>: the network's second half interpolates between the logarithms of the two.</summary>
    LearnedRange,
}

/// <summary>What the network predicts.</summary>
public enum PredictionType
{
    /// <summary>The noise.</summary>
    Epsilon,

    /// <summary><c>v = sqrt(a) noise - sqrt(1 - a) data</c> (Salimans and Ho, 2022).</summary>
    VPrediction,

    /// <summary>The data.</summary>
    Sample,
}

/// <summary>Which of the training timesteps are kept (the names of the diffusers configuration).</summary>
public enum TimestepSpacing
{
    /// <summary>Whole multiples of <c>train / steps</c> plus the offset; the noisiest timestep is left out.</summary>
    Leading,

    /// <summary>Evenly from 0 to the noisiest timestep.</summary>
    Linspace,

    /// <summary>Evenly, counted down from the noisiest timestep.</summary>
    Trailing,
}

/// <summary>The samplers of the reverse process.</summary>
public enum SchedulerKind
{
    /// <summary>DDIM (Song et al., 2021); deterministic at eta 0.</summary>
    Ddim,

    /// <summary>DPM-Solver++ of second order, multistep, midpoint (Lu et al., 2022).</summary>
    DpmSolverPlusPlus,

    /// <summary>Euler steps on the probability-flow ODE in sigma (Karras et al., 2022).</summary>
    Euler,

    /// <summary>PNDM without Runge-Kutta warm-up, that is PLMS (Liu et al., 2022): D4M's sampler.</summary>
    Pndm,

    /// <summary>Ancestral sampling on the respaced steps (Ho et al., 2020), with learned variance where the network predicts it.</summary>
    Ddpm,
}
