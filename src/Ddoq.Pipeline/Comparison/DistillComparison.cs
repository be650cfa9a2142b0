using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Comparison;

namespace Ddoq.Pipeline.Results;

/// <summary>The outcome of a whole run; <c>comparison.json</c>.</summary>
/// <param name="Arms">Arms in the order of the table.</param>
/// <param name="Students">Every student, table by table.</param>
/// <param name="Scores">Scores per arm; empty without an arm of the full data or of random images, or without hard labels.</param>
/// <param name="Distances">Distances of prototypes to latents, per class and kind of prototypes, of the first set of each.</param>
/// <param name="ImageDistances">Distances of the finished images' latents to the data's, per class and arm, of the first set of each.</param>
public sealed record DistillComparison(
    IReadOnlyList<ArmDescription> Arms,
    IReadOnlyList<StudentResult> Students,
    IReadOnlyList<ArmScores> Scores,
    IReadOnlyList<ClassMeasurement> Distances,
    IReadOnlyList<ClassMeasurement> ImageDistances);

/// <summary>An arm for people.</summary>
/// <param name="Name">Name in tables.</param>
/// <param name="Description">One line.</param>
/// <param name="IsReference">Whether it stands outside the competition, as the full data do.</param>
public sealed record ArmDescription(string Name, string Description, bool IsReference);

/// <summary>The scores of one arm.</summary>
/// <param name="Arm">Its name.</param>
/// <param name="Scores">HLR, IOR, LRS and ARS.</param>
public sealed record ArmScores(string Arm, DatasetScores Scores);
