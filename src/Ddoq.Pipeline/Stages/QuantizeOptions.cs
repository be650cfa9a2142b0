using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Stages;

/// <summary>What <see cref="QuantizeStage"/> is asked to do.</summary>
public sealed record QuantizeOptions
{
    /// <summary>Algorithm, number of centres, seed and their like.</summary>
    public required QuantizerOptions Quantizer { get; init; }

    /// <summary>Where: auto, cpu, cuda or cuda:i.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>The classes this process quantises; other processes take the others. It changes no result.</summary>
    public ClassShare Share { get; init; } = ClassShare.All;

    /// <summary>Reads the options of the DDOQ prototypes from a configuration.</summary>
    public static QuantizeOptions From(PipelineConfiguration configuration)
    {
        QuantizeOptions options = OptionsRecords.Quantize.Read(configuration) with { Quantizer = OptionsRecords.Quantizer.Read(configuration) };
        return options.Quantizer.Algorithm == QuantizationAlgorithm.D4m ? options.AsD4m() : options;
    }

    /// <summary>The same problem, quantised as D4M's code does it: greedy k-means++ on the first buffer and one pass of mini-batches.</summary>
    public QuantizeOptions AsD4m() => this with { Quantizer = Plain(QuantizationAlgorithm.D4m) };

    /// <summary>The same problem with support points instead.</summary>
    public QuantizeOptions AsSupport() => this with { Quantizer = Plain(QuantizationAlgorithm.Support) };

    /// <summary>The same problem by another algorithm; everything else stays.</summary>
    public QuantizeOptions WithAlgorithm(QuantizationAlgorithm algorithm) => this with { Quantizer = Quantizer with { Algorithm = algorithm } };

    /// <summary>The same with a seed that many higher.</summary>
    internal QuantizeOptions ForRepeat(int repeat) => this with { Quantizer = Quantizer with { Seed = Quantizer.Seed + (ulong)repeat } };

    // What is asked of the run's own algorithm does not reach the others.
    private QuantizerOptions Plain(QuantizationAlgorithm algorithm) => new()
    {
        CentroidCount = Quantizer.CentroidCount,
        Algorithm = algorithm,
        HoldOutFraction = Quantizer.HoldOutFraction,
        Seed = Quantizer.Seed,
        MemoryLimit = Quantizer.MemoryLimit,
    };
}
