namespace Ddoq.Evaluation.Report;

/// <summary>Student accuracies with what is needed to judge them.</summary>
public sealed record AccuracyReport
{
    /// <summary>What is measured, for example <c>Top-1 accuracy</c>.</summary>
    public string Metric { get; init; } = "Top-1 accuracy";

    /// <summary>The images it is measured on, for example <c>2,000 test images of the sample</c>.</summary>
    public required string TestSet { get; init; }

    /// <summary>
    /// How the reported epoch and the settings were chosen, for example <c>Last epoch of every run. No test images were used
    /// for tuning.</c>
    /// </summary>
    public required string Selection { get; init; }

    /// <summary>The arms, in the order of the table.</summary>
    public required IReadOnlyList<AccuracyArm> Arms { get; init; }

    /// <summary>One sentence about each named protocol.</summary>
    public IReadOnlyDictionary<string, string> Protocols { get; init; } = new Dictionary<string, string>();
}
