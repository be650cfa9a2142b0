namespace Ddoq.Pipeline.Configuration;

/// <summary>Settings that several commands share.</summary>
public static class SettingGroups
{
    /// <summary>How students are trained.</summary>
    public static IReadOnlyList<Setting> Training { get; } =
    [
        Settings.Network,
        Settings.NetworkWidth,
        Settings.Protocol,
        Settings.Updates,
        Settings.Epochs,
        Settings.TrainBatchSize,
        Settings.LearningRate,
        Settings.Temperature,
        Settings.WeightNormalisation,
        Settings.CutMixWeight,
        Settings.Repeats,
    ];
}
