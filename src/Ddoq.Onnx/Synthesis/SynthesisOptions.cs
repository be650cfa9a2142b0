using Ddoq.Onnx.Schedulers;

namespace Ddoq.Onnx.Synthesis;

/// <summary>How prototypes are pushed through the reverse process.</summary>
public sealed record SynthesisOptions
{
    /// <summary>The sampler; null takes the one the model's configuration names.</summary>
    public SchedulerKind? Scheduler { get; init; }

    /// <summary>Kept timesteps.</summary>
    public int NumInferenceSteps { get; init; } = 50;

    /// <summary>Which timesteps are kept; null takes the model's choice.</summary>
    public TimestepSpacing? Spacing { get; init; }

    /// <summary>Where the reverse process starts.</summary>
    public StartLevel Start { get; init; } = StartLevel.FromAlphaBar(0.0819);

    /// <summary>Classifier-free guidance: <c>u + g (c - u)</c>; at 1 the network is run without the second half of the batch.</summary>
    public double GuidanceScale { get; init; } = 4;

    /// <summary>Whether guidance acts on all channels (diffusers) or on the first three only (the original DiT code).</summary>
    public bool GuideAllChannels { get; init; } = true;

    /// <summary>DDIM's share of fresh noise, 0 to 1.</summary>
    public double Eta { get; init; }

    /// <summary>Whether PNDM starts in the middle with the reference implementation's lag (<see cref="SchedulerOptions.PndmImageToImageQuirk"/>).</summary>
    public bool PndmImageToImageQuirk { get; init; }

    /// <summary>Rows per network call, before guidance doubles them; 0 takes 8 on the CPU and 64 elsewhere, fewer for large latents.</summary>
    public int BatchSize { get; init; }

    /// <summary>Whether latents stay where the network runs; null where that is a device. The tests try it on the CPU.</summary>
    internal bool? KeepLatentsOnDevice { get; init; }

    /// <summary>The run's seed.</summary>
    public ulong Seed { get; init; }
}
