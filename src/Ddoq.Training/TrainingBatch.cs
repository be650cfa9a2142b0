using static TorchSharp.torch;

namespace Ddoq.Training;

/// <summary>One prepared batch: what the student sees and what it should say.</summary>
/// <param name="Images">[B, 3, H, W], normalised.</param>
/// <param name="SoftTargets">[B, C] probabilities at the run's temperature; null for hard labels.</param>
/// <param name="Labels">[B] int64; null for soft targets.</param>
/// <param name="PartnerLabels">[B] int64 labels of the CutMix partners; null without mixing or for soft targets.</param>
/// <param name="Lambda">The base image's share of the pixels; 1 without mixing.</param>
/// <param name="Weights">[B] weights, normalised and mixed.</param>
internal sealed record TrainingBatch(
    Tensor Images, Tensor? SoftTargets, Tensor? Labels, Tensor? PartnerLabels, double Lambda, Tensor Weights)
{
    /// <summary>B.</summary>
    public int Count => (int)Images.shape[0];
}
