namespace Ddoq.Onnx.Schedulers;

/// <summary>How the noise variances of the forward process run over the training timesteps.</summary>
public enum BetaSchedule
{
    /// <summary><c>linear</c>: evenly spaced betas.</summary>
    Linear,

    /// <summary><c>scaled_linear</c>: evenly spaced square roots of the betas (Stable Diffusion).</summary>
    ScaledLinear,

    /// <summary><c>squaredcos_cap_v2</c>: alpha-bar follows a squared cosine, betas capped at 0.999 (Nichol and Dhariwal, 2021).</summary>
    SquaredCosCapV2,
}
