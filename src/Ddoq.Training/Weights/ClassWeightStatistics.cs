namespace Ddoq.Training.Weights;

/// <summary>How the weights of one class spread.</summary>
/// <param name="ClassIndex">The class, 0-based.</param>
/// <param name="Count">Its images (K).</param>
/// <param name="Minimum">Least weight; 0 for a class without images.</param>
/// <param name="Maximum">Greatest weight.</param>
/// <param name="Mean">Mean weight.</param>
/// <param name="EffectiveSampleSize">(sum w)^2 / sum w^2: K for equal weights, 1 when one image has all; 0 without weight.</param>
public readonly record struct ClassWeightStatistics(
    int ClassIndex, int Count, double Minimum, double Maximum, double Mean, double EffectiveSampleSize);
