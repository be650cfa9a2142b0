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

    /// <summary>Side of the images that are written.</summary>
    public static readonly Setting<int> ImageSize = new Setting<int>(
        "select.image_size", "--image-size", "Side of the images that are kept, in pixels.", SettingValues.WholeNumber(1, 4096))
    { Stages = PipelineStages.Select, IsOutsideIdentity = true, DecidedBy = "the model's where one is given, else the larger side of the first image, at most 224" }
        .In(Select, o => o.ImageSize, (o, v) => o with { ImageSize = v });
}
