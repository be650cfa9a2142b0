using Ddoq.Evaluation.Comparison;

namespace Ddoq.Pipeline.Results;

/// <summary>The outcome of a whole run; <c>comparison.json</c>.</summary>
/// <param name="Arms">Arms in the order of the table.</param>
/// <param name="Students">Every student.</param>
/// <param name="Distances">Distances of prototypes to latents, per class and kind of prototypes.</param>
public sealed record DistillComparison(
    IReadOnlyList<ArmDescription> Arms,
    IReadOnlyList<StudentResult> Students,
    IReadOnlyList<ClassMeasurement> Distances);

/// <summary>An arm for people.</summary>
/// <param name="Name">Name in tables.</param>
/// <param name="Description">One line.</param>
public sealed record ArmDescription(string Name, string Description);
