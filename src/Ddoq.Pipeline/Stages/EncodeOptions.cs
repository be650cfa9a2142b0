using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;

namespace Ddoq.Pipeline.Stages;

/// <summary>What <see cref="EncodeStage"/> is asked to do.</summary>
public sealed record EncodeOptions
{
    /// <summary>Source images.</summary>
    public ImageOptions Images { get; init; } = new();

    /// <summary>Model folder whose VAE encodes; null takes the shipped one.</summary>
    public string? Model { get; init; }

    /// <summary>Side of the squares whose pixels are the rows, without any model; null encodes with the model.</summary>
    public int? PixelSide { get; init; }

    /// <summary>ONNX network whose features are the rows, instead of the model's latents; null for none.</summary>
    public string? Features { get; init; }

    /// <summary>Encode a seeded sample of the posterior instead of its mean.</summary>
    public bool SamplePosterior { get; init; }

    /// <summary>Images per network call.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Rows per shard file.</summary>
    public int RowsPerShard { get; init; } = 4096;

    /// <summary>Seed of posterior samples, and of the choice of random images.</summary>
    public ulong Seed { get; init; }

    /// <summary>Execution provider.</summary>
    public ExecutionProvider Provider { get; init; }

    /// <summary>Reads the options from a configuration.</summary>
    public static EncodeOptions From(PipelineConfiguration configuration) =>
        OptionsRecords.Encode.Read(configuration) with { Images = OptionsRecords.Images.Read(configuration) };

    /// <summary>Opens the model for the networks that will be run.</summary>
    /// <exception cref="DdoqException">It is not usable.</exception>
    internal ModelFolder OpenModel(ModelUse use = ModelUse.Encoder) => ModelFolder.Open(Model ?? ShippedResources.ReferenceModel, use);
}
