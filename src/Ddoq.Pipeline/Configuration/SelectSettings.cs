using Ddoq.Pipeline.Stages;
using static Ddoq.Pipeline.Configuration.OptionsRecords;

namespace Ddoq.Pipeline.Configuration;

/// <summary>How K of many images are chosen.</summary>
public static class SelectSettings
{
    /// <summary>What makes a choice good.</summary>
    public static readonly Setting<SelectionRule> Objective = new Setting<SelectionRule>(
        "select.objective",
        "--objective",
        "What is kept: the least energy distance at equal weights, the least W2 (k-medoids), the nearest to each support point, herding, k-center, random, or the nearest to each centre of optimal quantisation (medoids).",
        SettingValues.Choice([.. SelectionRule.All.Select(rule => (rule.Name, rule))]))
    { Stages = PipelineStages.Select }
        .In(Select, o => o.Rule, (o, v) => o with { Rule = v });

    /// <summary>Feature network.</summary>
    public static readonly Setting<string> Features = new Setting<string>(
        "select.features",
        "--features",
        "ONNX network whose pooled output is an image's row, for real images; a preprocessor_config.json beside it says how images are normalised.",
        SettingValues.Location)
    { Stages = PipelineStages.Select, IsOutsideIdentity = true, DecidedBy = "the latents of --model where one is given, else pixels", Excludes = DataSettings.Model }
        .In(Encode, o => o.Features, (o, v) => o with { Features = v });

    /// <summary>Least confidence.</summary>
    public static readonly Setting<double> MinConfidence = new Setting<double>(
        "select.min_confidence",
        "--min-confidence",
        "Least probability that the teacher gives a candidate's class; where too few reach it, the most confident are taken. 0 asks no teacher.",
        SettingValues.Real(0, 1))
    { Stages = PipelineStages.Select }
        .In(Select, o => o.MinConfidence, (o, v) => o with { MinConfidence = v });

    /// <summary>Which latents of candidates are compared.</summary>
    public static readonly Setting<CandidateSpace> CandidateLatents = new Setting<CandidateSpace>(
        "select.candidate_latents",
        "--candidate-latents",
        "Latents of candidates that are compared with the data's: the generator's own, or those of the decoded images, encoded again.",
        SettingValues.Choice(("generator", CandidateSpace.Generator), ("images", CandidateSpace.Images)))
    { Stages = PipelineStages.Select }
        .In(Select, o => o.CandidateLatents, (o, v) => o with { CandidateLatents = v });

    /// <summary>Side of the images that are written.</summary>
    public static readonly Setting<int> ImageSize = new Setting<int>(
        "select.image_size", "--image-size", "Side of the images that are kept, in pixels.", SettingValues.WholeNumber(1, 4096))
    { Stages = PipelineStages.Select, IsOutsideIdentity = true, DecidedBy = "the model's where one is given, else the larger side of the first image, at most 224" }
        .In(Select, o => o.ImageSize, (o, v) => o with { ImageSize = v });
}
