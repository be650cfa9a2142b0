using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Stages;

/// <summary>What <see cref="QuantizeStage"/> is asked to do.</summary>
/// <param name="Quantizer">Algorithm, number of centres, seed and their like.</param>
/// <param name="Device">Where: auto, cpu, cuda or cuda:i.</param>
public sealed record QuantizeOptions(QuantizerOptions Quantizer, string Device)
{
    /// <summary>The classes this process quantises; other processes take the others. It changes no result.</summary>
    public ClassShare Share { get; init; } = ClassShare.All;

    /// <summary>Reads the options of the DDOQ prototypes from a configuration.</summary>
    public static QuantizeOptions From(PipelineConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return new QuantizeOptions(
            new QuantizerOptions
            {
                CentroidCount = configuration.Get(Settings.Ipc),
                Algorithm = SettingsMapping.Algorithm(configuration.Get(Settings.Algorithm)),
                Initialization = SettingsMapping.Initialization(configuration.Get(Settings.Initialization)),
                MaxIterations = configuration.Get(Settings.MaxIterations),
                Restarts = configuration.Get(Settings.Restarts),
                HoldOutFraction = configuration.Get(Settings.HoldOut),
                Seed = SettingsMapping.Seed(configuration),
                MemoryLimit = configuration.Get(Settings.Memory),
            },
            configuration.Get(Settings.Device));
    }

    /// <summary>The same problem, quantised as D4M's code does it: greedy k-means++ and one pass of mini-batches.</summary>
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
}
