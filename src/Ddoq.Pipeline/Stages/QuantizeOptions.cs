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
    public QuantizeOptions AsD4m() => this with
    {
        Quantizer = new QuantizerOptions
        {
            CentroidCount = Quantizer.CentroidCount,
            Algorithm = QuantizationAlgorithm.D4m,
            HoldOutFraction = Quantizer.HoldOutFraction,
            Seed = Quantizer.Seed,
            MemoryLimit = Quantizer.MemoryLimit,
        },
    };

    /// <summary>The same problem with support points instead.</summary>
    public QuantizeOptions AsSupport() => this with
    {
        Quantizer = new QuantizerOptions
        {
            CentroidCount = Quantizer.CentroidCount,
            Algorithm = QuantizationAlgorithm.Support,
            HoldOutFraction = Quantizer.HoldOutFraction,
            Seed = Quantizer.Seed,
            MemoryLimit = Quantizer.MemoryLimit,
        },
    };
}
