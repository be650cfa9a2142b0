namespace Ddoq.Training;

/// <summary>One run among several: an arm of a comparison with one seed.</summary>
/// <param name="Name">For messages, for example <c>ddoq, seed 2</c>.</param>
/// <param name="Train">The distilled images.</param>
/// <param name="Options">Protocol, numbers and seed.</param>
/// <param name="CheckpointFolder">A folder of its own, or null; see <see cref="StudentTrainer.Train"/>.</param>
public sealed record TrainingJob(string Name, TrainingImages Train, StudentOptions Options, string? CheckpointFolder);
