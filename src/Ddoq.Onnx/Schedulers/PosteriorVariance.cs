namespace Ddoq.Onnx.Schedulers;

/// <summary>The variance of an ancestral step (<see cref="SchedulerKind.Ddpm"/>).</summary>
public enum PosteriorVariance
{
    /// <summary><c>fixed_small</c>: the posterior variance <c>beta (1 - a') / (1 - a)</c>.</summary>
    FixedSmall,

    /// <summary><c>fixed_large</c>: beta of the respaced step.</summary>
    FixedLarge,

    /// <summary><c>learned_range</c>: the network's second half interpolates between the logarithms of the two.</summary>
    LearnedRange,
}
