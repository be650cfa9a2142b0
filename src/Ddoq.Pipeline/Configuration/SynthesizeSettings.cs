using Ddoq.Onnx.Schedulers;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using static Ddoq.Pipeline.Configuration.OptionsRecords;

namespace Ddoq.Pipeline.Configuration;

/// <summary>How prototypes become images.</summary>
public static class SynthesizeSettings
{
    /// <summary>Sampler.</summary>
    public static readonly Setting<SchedulerKind> Scheduler = new Setting<SchedulerKind>(
        "synthesize.scheduler",
        "--scheduler",
        "Sampler of the reverse diffusion.",
        SettingValues.Choice(
            ("dpm-solver++", SchedulerKind.DpmSolverPlusPlus),
            ("ddim", SchedulerKind.Ddim),
            ("euler", SchedulerKind.Euler),
            ("pndm", SchedulerKind.Pndm),
            ("ddpm", SchedulerKind.Ddpm)))
    { Stages = PipelineStages.Synthesize }
        .In(Sampling, o => o.Scheduler, (o, v) => o with { Scheduler = v });

    /// <summary>Denoising steps.</summary>
    public static readonly Setting<int> NumInferenceSteps = new Setting<int>(
        "synthesize.num_inference_steps", "--num-inference-steps", "Steps of the full schedule.", SettingValues.WholeNumber(1, 1000))
    { Stages = PipelineStages.Synthesize, DecidedBy = "the model's" }
        .In(Sampling, o => o.NumInferenceSteps, (o, v) => o with { NumInferenceSteps = v });

    /// <summary>Guidance scale.</summary>
    public static readonly Setting<double> GuidanceScale = new Setting<double>(
        "synthesize.guidance_scale", "--guidance-scale", "Classifier-free guidance scale; 1 turns it off.", SettingValues.Real(0, 100))
    { Stages = PipelineStages.Synthesize, DecidedBy = "the model's" }
        .In(Sampling, o => o.GuidanceScale, (o, v) => o with { GuidanceScale = v });

    /// <summary>Channels that guidance acts on.</summary>
    public static readonly Setting<bool> GuidanceChannels = new Setting<bool>(
        "synthesize.guidance_channels",
        "--guidance-channels",
        "Channels guidance acts on: all (diffusers) or the first three (the original DiT code).",
        SettingValues.Choice(("all", true), ("first-three", false)))
    { Stages = PipelineStages.Synthesize }
        .In(Sampling, o => o.GuideAllChannels, (o, v) => o with { GuideAllChannels = v });

    /// <summary>Template of the classes' prompts.</summary>
    public static readonly Setting<string> Prompt = new Setting<string>(
        "synthesize.prompt", "--prompt", "Prompt of a class, with {class} for its name; for text-conditional models.", SettingValues.Text)
    { Stages = PipelineStages.Synthesize, IsOutsideIdentity = true, DecidedBy = "the model's, or 'a photo of {class}'" }
        .In(Synthesize, o => o.Prompt, (o, v) => o with { Prompt = v });

    /// <summary>Negative prompt.</summary>
    public static readonly Setting<string> NegativePrompt = new Setting<string>(
        "synthesize.negative_prompt", "--negative-prompt", "What guidance leads away from; for text-conditional models.", SettingValues.Text)
    { Stages = PipelineStages.Synthesize, IsOutsideIdentity = true, DecidedBy = "the model's, or the empty prompt" }
        .In(Synthesize, o => o.NegativePrompt, (o, v) => o with { NegativePrompt = v });

    /// <summary>Words of the classes.</summary>
    public static readonly Setting<string> ClassTexts = new Setting<string>(
        "synthesize.class_texts",
        "--class-texts",
        "File with a line 'name<tab>words' for each class, for prompts of classes whose names are numbers (ImageNet's synset list fits).",
        SettingValues.Location)
    { Stages = PipelineStages.Synthesize, IsOutsideIdentity = true, DecidedBy = "the classes' names" }
        .In(Synthesize, o => o.ClassTexts, (o, v) => o with { ClassTexts = v });

    /// <summary>Start level as alpha-bar.</summary>
    public static readonly Setting<double> StartAlphaBar = new Setting<double>(
        "synthesize.start_alpha_bar",
        "--start-alpha-bar",
        "Start level of the reverse process as alpha-bar: the share of the prototype's variance that is kept; 1 leaves the diffusion out.",
        SettingValues.Real(1e-6, 1))
    { Stages = PipelineStages.Synthesize, DecidedBy = "0.7 for support points, else the model's" }
        .In(Sampling, o => o.Start?.AlphaBar, (o, v) => o with { Start = StartLevel.FromAlphaBar(v) });

    /// <summary>Start level as strength.</summary>
    public static readonly Setting<double> Strength = new Setting<double>(
        "synthesize.strength", "--strength", "Start level as diffusers' strength (share of the steps that are run).", SettingValues.Real(0.001, 1))
    { Stages = PipelineStages.Synthesize, DecidedBy = "--start-alpha-bar", Excludes = StartAlphaBar }
        .In(Sampling, o => o.Start?.Strength, (o, v) => o with { Start = StartLevel.FromStrength(v) });

    /// <summary>DDIM eta.</summary>
    public static readonly Setting<double> Eta = new Setting<double>(
        "synthesize.eta", "--eta", "DDIM's eta: 0 is deterministic, 1 has DDPM's noise.", SettingValues.Real(0, 1))
    { Stages = PipelineStages.Synthesize, Needs = SettingCondition.With(Scheduler, SchedulerKind.Ddim) }
        .In(Sampling, o => o.Eta, (o, v) => o with { Eta = v });

    /// <summary>Which timesteps are kept.</summary>
    public static readonly Setting<TimestepSpacing> Spacing = new Setting<TimestepSpacing>(
        "synthesize.timestep_spacing",
        "--timestep-spacing",
        "Which timesteps are kept.",
        SettingValues.Choice(("leading", TimestepSpacing.Leading), ("linspace", TimestepSpacing.Linspace), ("trailing", TimestepSpacing.Trailing)))
    { Stages = PipelineStages.Synthesize, DecidedBy = "the model's" }
        .In(Sampling, o => o.Spacing, (o, v) => o with { Spacing = v });

    /// <summary>PNDM's start in the middle.</summary>
    public static readonly Setting<bool> PndmStart = new Setting<bool>(
        "synthesize.pndm_start",
        "--pndm-start",
        "How PNDM starts in the middle: exact, or with the lag of one interval that D4M's library has.",
        SettingValues.Choice(("exact", false), ("lagging", true)))
    { Stages = PipelineStages.Synthesize, Needs = SettingCondition.With(Scheduler, SchedulerKind.Pndm) }
        .In(Sampling, o => o.PndmImageToImageQuirk, (o, v) => o with { PndmImageToImageQuirk = v });

    /// <summary>Images per diffusion batch.</summary>
    public static readonly Setting<int> BatchSize = new Setting<int>(
        "synthesize.batch_size",
        "--batch-size",
        "Images denoised at a time; rows of many classes share a batch. 0 leaves it to the latent's size and the provider.",
        SettingValues.WholeNumber(1, 65_536))
    { Stages = PipelineStages.Synthesize, DecidedBy = "the latent's size and the provider (50 for small latents)", UnsetWord = "0" }
        .In(Sampling, o => o.BatchSize, (o, v) => o with { BatchSize = v });

    /// <summary>Where weights are counted.</summary>
    public static readonly Setting<WeightSource> WeightsFrom = new Setting<WeightSource>(
        "synthesize.weights_from",
        "--weights-from",
        "What the data's rows are counted at for the weights: the prototypes, or the finished images' latents.",
        SettingValues.Choice(("centres", WeightSource.Centres), ("images", WeightSource.Images)))
    { Stages = PipelineStages.Synthesize, IsOutsideIdentity = true }
        .In(Synthesize, o => o.WeightsFrom, (o, v) => o with { WeightsFrom = v });

    /// <summary>Candidates per prototype.</summary>
    public static readonly Setting<int> Candidates = new Setting<int>(
        "synthesize.candidates",
        "--candidates",
        "Images drawn from each prototype. Above 1 their latents are kept, and 'select --from' makes the distilled set of the best.",
        SettingValues.WholeNumber(1, 65_536))
    { Stages = PipelineStages.Synthesize, IsOutsideIdentity = true, DecidedBy = "1; 12 for the arms of 'distill' that select" }
        .In(Synthesize, o => o.Candidates, (o, v) => o with { Candidates = v });

    /// <summary>Weight rule.</summary>
    public static readonly Setting<WeightRule> Weights = new Setting<WeightRule>(
        "train.weights",
        "--weights",
        "Weights of the DDOQ images: eq. 34's square root, the cluster shares, their inverse, or none.",
        SettingValues.Choice(("sqrt", WeightRule.SquareRoot), ("direct", WeightRule.Direct), ("inverse", WeightRule.Inverse), ("none", WeightRule.None)))
    { Stages = PipelineStages.Synthesize | PipelineStages.Train | PipelineStages.Select, IsOutsideIdentity = true, DecidedBy = "sqrt; none for support points and objectives of equal weights; 'train': those that the set stores" }
        .In(Synthesize, o => o.Weights, (o, v) => o with { Weights = v })
        .In(Train, o => o.Weights, (o, v) => o with { Weights = v })
        .In(Select, o => o.Weights, (o, v) => o with { Weights = v });
}
