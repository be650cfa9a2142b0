namespace Ddoq.Pipeline.Configuration;

/// <summary>What <c>distill</c> compares.</summary>
public static class ComparisonSettings
{
    /// <summary>Arms of the comparison.</summary>
    public static readonly Setting<string> Arms = new("evaluate.arms", "--arms", $"Arms of the comparison: {Arm.AllNames}.", SettingValues.List)
    {
        Stages = PipelineStages.None,
        Default = "ddoq,d4m,support,energy,random,noise",
    };

    /// <summary>Arms that are trained with soft labels too.</summary>
    public static readonly Setting<string> SoftArms = new(
        "evaluate.soft_arms", "--soft-arms", "Arms of --arms that are trained with soft labels too, under the protocol rded, in a table of their own.", SettingValues.List)
    {
        Stages = PipelineStages.None,
        DecidedBy = "none",
        UnsetWord = "none",
    };

    /// <summary>Updates of the student of the full data.</summary>
    public static readonly Setting<int> FullUpdates = new(
        "evaluate.full_updates", "--full-updates", "Updates of 64 images of the student that the arm 'full' trains on all training images.", SettingValues.WholeNumber(1))
    {
        Stages = PipelineStages.None,
        Default = 2000,
    };
}
