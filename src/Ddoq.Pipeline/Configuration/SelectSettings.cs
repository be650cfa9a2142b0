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
}
