using Ddoq.Imaging;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;

namespace Ddoq.Pipeline.Stages;

/// <summary>What <see cref="EncodeStage"/> is asked to do.</summary>
/// <param name="DataDir">Source images.</param>
/// <param name="Model">Model folder whose VAE encodes.</param>
/// <param name="Fit">Fit mode; null uses the model's.</param>
/// <param name="SamplePosterior">Encode a seeded sample of the posterior instead of its mean.</param>
/// <param name="BatchSize">Images per network call.</param>
/// <param name="RowsPerShard">Rows per shard file, the unit of resuming.</param>
/// <param name="MaxDamaged">Damaged images skipped before the stage fails.</param>
/// <param name="Seed">Seed of posterior samples.</param>
/// <param name="Provider">Execution provider.</param>
public sealed record EncodeOptions(
    string DataDir,
    string Model,
    FitMode? Fit,
    bool SamplePosterior,
    int BatchSize,
    int RowsPerShard,
    int MaxDamaged,
    ulong Seed,
    ExecutionProvider Provider)
{
    /// <summary>The classes to take; null takes all.</summary>
    public ClassSubset? Classes { get; init; }

    /// <summary>Opens the training images.</summary>
    /// <exception cref="DdoqException">They are not usable, or lack a class that is asked for.</exception>
    internal IImageDataset OpenTrainingImages(CancellationToken cancellation) =>
        ImageDatasets.Open(DataDir, DatasetSplit.Train, new ImageDatasetOptions { Classes = Classes, Cancellation = cancellation });

    /// <summary>Reads the options from a configuration.</summary>
    public static EncodeOptions From(PipelineConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return new EncodeOptions(
            SettingsMapping.DataDir(configuration),
            SettingsMapping.Model(configuration),
            SettingsMapping.Fit(configuration.Get(Settings.Fit)),
            configuration.Get(Settings.Latent) == "sample",
            configuration.Get(Settings.EncodeBatchSize),
            configuration.Get(Settings.RowsPerShard),
            configuration.Get(Settings.MaxDamaged),
            (ulong)configuration.Get(Settings.Seed),
            SettingsMapping.Provider(configuration.Get(Settings.Provider)))
        {
            Classes = SettingsMapping.Classes(configuration),
        };
    }
}
