using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Stages;

/// <summary>What <see cref="CoresetStage"/> is asked to do.</summary>
public sealed record SelectOptions
{
    /// <summary>How images are chosen.</summary>
    public SelectionRule Rule { get; init; } = SelectionRule.Energy;

    /// <summary>Rule of the weights; null takes the objective's.</summary>
    public WeightRule? Weights { get; init; }

    /// <summary>K, seed and starts, and how the centres of <see cref="SelectionRule.Centres"/> are made.</summary>
    public required QuantizeOptions Quantize { get; init; }

    /// <summary>The images that the rows were made from.</summary>
    public ImageOptions Images { get; init; } = new();

    /// <summary>Side of the images that are written; null leaves it to the model, or to the images.</summary>
    public int? ImageSize { get; init; }

    /// <summary>Prototypes whose centres get an image each; null makes those of the rule.</summary>
    public string? Prototypes { get; init; }

    /// <summary>Reads the options from a configuration.</summary>
    public static SelectOptions From(PipelineConfiguration configuration) => OptionsRecords.Select.Read(configuration) with
    {
        Quantize = OptionsRecords.Quantize.Read(configuration) with { Quantizer = OptionsRecords.Quantizer.Read(configuration) },
        Images = OptionsRecords.Images.Read(configuration),
    };
}
