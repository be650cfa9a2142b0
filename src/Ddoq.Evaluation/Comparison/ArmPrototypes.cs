namespace Ddoq.Evaluation.Comparison;

/// <summary>The prototypes of one class.</summary>
/// <param name="Centers">K x D values, row-major; K may be smaller than asked for, but not 0.</param>
/// <param name="Weights">K weights, not negative, of any positive sum; empty for an arm without weights, then 1/K each.</param>
public sealed record ArmPrototypes(ReadOnlyMemory<float> Centers, ReadOnlyMemory<double> Weights = default);
