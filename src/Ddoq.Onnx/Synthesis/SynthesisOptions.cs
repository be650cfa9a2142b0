using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Schedulers;
using Ddoq.Onnx.Sessions;

namespace Ddoq.Onnx.Synthesis;

/// <summary>How prototypes are pushed through the reverse process; null leaves a choice to the model. <see cref="ResolvedFor(ModelFolder, ExecutionProvider)"/> makes the choices.</summary>
public sealed record SynthesisOptions
{
    // Attention over the positions of a latent grows with their square; small latents cost next to nothing.
    private const int SmallLatent = 16 * 16, SmallLatentBatch = 50;
    private const int CpuPositions = 8 * 32 * 32, DevicePositions = 64 * 32 * 32;

    /// <summary>The sampler; null takes the one the model's configuration names.</summary>
    public SchedulerKind? Scheduler { get; init; }

    /// <summary>Kept timesteps.</summary>
    public int? NumInferenceSteps { get; init; }

    /// <summary>Which timesteps are kept.</summary>
    public TimestepSpacing? Spacing { get; init; }

    /// <summary>Where the reverse process starts.</summary>
    public StartLevel? Start { get; init; }

    /// <summary>Classifier-free guidance: <c>u + g (c - u)</c>; at 1 the network is run without the second half of the batch.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>Whether guidance acts on all channels (diffusers) or on the first three only (the original DiT code).</summary>
    public bool GuideAllChannels { get; init; } = true;

    /// <summary>DDIM's share of fresh noise, 0 to 1.</summary>
    public double Eta { get; init; }

    /// <summary>Whether PNDM starts in the middle with the reference implementation's lag (<see cref="SchedulerOptions.PndmImageToImageQuirk"/>).</summary>
    public bool PndmImageToImageQuirk { get; init; }

    /// <summary>Rows per network call, before guidance doubles them; null chooses by the latent's size and the provider.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Whether latents stay where the network runs; null where that is a device. The tests try it on the CPU.</summary>
    internal bool? KeepLatentsOnDevice { get; init; }

    /// <summary>The run's seed.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether every row needs a second prediction without condition.</summary>
    public bool IsGuided => GuidanceScale is not 1;

    /// <summary>Rows that one call of the network takes at this batch size.</summary>
    public int RowsPerCall => (BatchSize ?? 0) * (IsGuided ? 2 : 1);

    /// <summary>The options with every choice made: what was asked for, then the model's defaults. Nothing depends on the machine.</summary>
    /// <param name="model">The model.</param>
    /// <param name="provider">Where the networks run, as it was asked for.</param>
    public SynthesisOptions ResolvedFor(ModelFolder model, ExecutionProvider provider)
    {
        ArgumentNullException.ThrowIfNull(model);
        return ResolvedFor(model.Defaults) with { BatchSize = BatchSize ?? BatchFor(model.LatentShape, provider) };
    }

    /// <summary>The options with every choice made but the batch's size.</summary>
    internal SynthesisOptions ResolvedFor(ModelDefaults defaults) => this with
    {
        NumInferenceSteps = NumInferenceSteps ?? defaults.NumInferenceSteps,
        GuidanceScale = GuidanceScale ?? defaults.GuidanceScale,
        Start = Start ?? StartLevel.FromAlphaBar(defaults.StartAlphaBar),
    };

    private static int BatchFor(LatentShape shape, ExecutionProvider provider)
    {
        int positions = shape.Height * shape.Width;
        int most = provider is ExecutionProvider.Cuda or ExecutionProvider.TensorRt ? DevicePositions : CpuPositions;
        return positions <= SmallLatent ? SmallLatentBatch : Math.Max(1, most / positions);
    }
}
