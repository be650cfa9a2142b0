namespace Ddoq.Evaluation.Report;

/// <summary>One training of a student.</summary>
/// <param name="Seed">The run's seed: arms are compared over equal seeds.</param>
/// <param name="Accuracy">Test accuracy of the last epoch, in percent.</param>
/// <param name="Best">Best test accuracy of any epoch, in percent; null when not tracked.</param>
public sealed record AccuracyRun(ulong Seed, double Accuracy, double? Best = null);
