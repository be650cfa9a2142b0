using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using static Ddoq.Pipeline.Configuration.OptionsRecords;

namespace Ddoq.Pipeline.Configuration;

/// <summary>How latents become prototypes.</summary>
public static class QuantizeSettings
{
    /// <summary>Images per class.</summary>
    public static readonly Setting<int> Ipc = new Setting<int>(
        "quantize.ipc", "--ipc", "Images per class (K).", SettingValues.WholeNumber(1))
    { Stages = PipelineStages.Quantize | PipelineStages.Select }
        .In(Quantizer, o => o.CentroidCount, (o, v) => o with { CentroidCount = v });

    /// <summary>Quantisation algorithm.</summary>
    public static readonly Setting<QuantizationAlgorithm> Algorithm = new Setting<QuantizationAlgorithm>(
        "quantize.algorithm",
        "--algorithm",
        "Quantisation algorithm of the DDOQ prototypes.",
        SettingValues.Choice(
            ("hartigan", QuantizationAlgorithm.Hartigan),
            ("lloyd", QuantizationAlgorithm.Lloyd),
            ("minibatch", QuantizationAlgorithm.MiniBatch),
            ("clvq", QuantizationAlgorithm.Clvq),
            ("d4m", QuantizationAlgorithm.D4m),
            ("support", QuantizationAlgorithm.Support)))
    { Stages = PipelineStages.Quantize }
        .In(Quantizer, o => o.Algorithm, (o, v) => o with { Algorithm = v });

    /// <summary>Initialisation of the centres.</summary>
    public static readonly Setting<CentroidInitialization> Initialization = new Setting<CentroidInitialization>(
        "quantize.init",
        "--init",
        "Start centres.",
        SettingValues.Choice(("k-means++", CentroidInitialization.GreedyKMeansPlusPlus), ("random", CentroidInitialization.Random)))
    {
        Stages = PipelineStages.Quantize,
        Needs = SettingCondition.With(Algorithm, QuantizationAlgorithm.Hartigan, QuantizationAlgorithm.Lloyd, QuantizationAlgorithm.MiniBatch, QuantizationAlgorithm.Clvq),
    }
        .In(Quantizer, o => o.Initialization, (o, v) => o with { Initialization = v });

    /// <summary>Iteration limit.</summary>
    public static readonly Setting<int> MaxIterations = new Setting<int>(
        "quantize.max_iterations", "--max-iterations", "Limit of iterations (Lloyd), moves per row (Hartigan), passes (minibatch) or rounds (support).", SettingValues.WholeNumber(1))
    {
        Stages = PipelineStages.Quantize,
        Needs = SettingCondition.With(Algorithm, QuantizationAlgorithm.Hartigan, QuantizationAlgorithm.Lloyd, QuantizationAlgorithm.MiniBatch, QuantizationAlgorithm.Support),
    }
        .In(Quantizer, o => o.MaxIterations, (o, v) => o with { MaxIterations = v });

    /// <summary>Restarts.</summary>
    public static readonly Setting<int> Restarts = new Setting<int>(
        "quantize.restarts", "--restarts", "Independent starts, of which the lowest is kept: in distortion, for support in energy distance, in a selection in what its objective makes small.", SettingValues.WholeNumber(1, 10_000))
    {
        Stages = PipelineStages.Quantize | PipelineStages.Select,
        Needs = SettingCondition.With(
            Algorithm, QuantizationAlgorithm.Hartigan, QuantizationAlgorithm.Lloyd, QuantizationAlgorithm.MiniBatch, QuantizationAlgorithm.Clvq, QuantizationAlgorithm.Support),
    }
        .In(Quantizer, o => o.Restarts, (o, v) => o with { Restarts = v });

    /// <summary>Held-out fraction.</summary>
    public static readonly Setting<double> HoldOut = new Setting<double>(
        "quantize.hold_out", "--holdout", "Fraction of each class kept aside to measure held-out distortion.", SettingValues.Real(0, 0.9))
    { Stages = PipelineStages.Quantize }
        .In(Quantizer, o => o.HoldOutFraction, (o, v) => o with { HoldOutFraction = v });

    /// <summary>Quantiser device.</summary>
    public static readonly Setting<string> Device = new Setting<string>(
        "runtime.device", "--device", "Device of the quantiser.", SettingValues.Device)
    { Stages = PipelineStages.Quantize | PipelineStages.Select, IsOutsideIdentity = true }
        .In(Quantize, o => o.Device, (o, v) => o with { Device = v });

    /// <summary>Memory limit of the quantiser.</summary>
    public static readonly Setting<long> Memory = new Setting<long>(
        "runtime.memory",
        "--memory",
        "Most memory that quantize may take: fewer workers, then direct space for classes whose Gram matrix does not fit; 0 sets no limit.",
        SettingValues.Size)
    { Stages = PipelineStages.Quantize | PipelineStages.Select, IsVolatile = true }
        .In(Quantizer, o => o.MemoryLimit, (o, v) => o with { MemoryLimit = v });

    /// <summary>Names for the classes of a store that carries none.</summary>
    public static readonly Setting<string> ClassNames = new Setting<string>(
        "quantize.class_names", "--class-names", "File with one class name a line, in label order, for latents of another tool that carry no names.", SettingValues.Text)
    { Stages = PipelineStages.Quantize, IsOutsideIdentity = true, DecidedBy = "the store, or the classes' numbers" }
        .In(Quantize, _ => null, (o, v) => o with { ClassNames = QuantizeOptions.ReadClassNames(v) });
}
