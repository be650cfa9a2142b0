namespace Ddoq.Onnx.Schedulers;

/// <summary>What a run of the reverse process is asked to do, beside the model's own noise schedule.</summary>
public sealed record SchedulerOptions
{
    /// <summary>Kept timesteps (NFE is this times the share that is run).</summary>
    public int NumInferenceSteps { get; init; } = new Models.ModelDefaults().NumInferenceSteps;

    /// <summary>Where the run starts.</summary>
    public StartLevel Start { get; init; }

    /// <summary>DDIM's share of fresh noise: 0 none, 1 as much as ancestral sampling.</summary>
    public double Eta { get; init; }

    /// <summary>
    /// PNDM only: start in the middle as the reference implementation's image-to-image pipeline does. It drops the
    /// repeated second timestep but still counts it, so the sample lags the timestep by one interval. D4M's results
    /// were made so.
    /// </summary>
    public bool PndmImageToImageQuirk { get; init; }

    /// <summary>DDPM only: whether the network predicts a variance.</summary>
    public bool HasLearnedVariance { get; init; }
}
