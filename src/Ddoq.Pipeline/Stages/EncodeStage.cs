using System.Globalization;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Onnx.Autoencoders;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Storage;
using ImageFit = Ddoq.Imaging.ImageFit;

namespace Ddoq.Pipeline.Stages;

/// <summary>Images to latents: decodes, fits and encodes the training images into a latent store.</summary>
/// <remarks>
/// Resumes behind the last whole shard. The bytes do not depend on the number of workers or on interruptions.
/// </remarks>
public static class EncodeStage
{
    /// <summary>Metadata key of a latent store and of prototypes: 1 when all source images are grey, else 3.</summary>
    public const string SourceChannelsKey = "source_channels";

    // Rows decoded and encoded together; a multiple of any usual batch size, small enough to stay in memory at 512 pixels.
    private const int BatchesPerChunk = 32;

    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="options">What to encode and how.</param>
    /// <param name="output">Folder of the latent store.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">Images, model or output folder are not usable; each says what and where.</exception>
    public static void Run(EncodeOptions options, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelFolder model = ModelFolder.Open(options.Model);
        ImageFit fit = SourceImages.FitFor(model, options.Fit);
        using IImageDataset dataset = ImageDatasets.Open(options.DataDir, DatasetSplit.Train);
        ProviderChoice.Require(options.Provider);
        string encoderHash = model.ComputeEncoderHash();
        using StageFolder stage = StageFolder.Open(output, "encode", Describe(options, dataset, fit, encoderHash, context), context.Force);
        if (stage.IsComplete)
        {
            context.Progress.Message($"encode: complete in {output}");
            return;
        }

        var info = new LatentStoreInfo
        {
            Shape = model.LatentShape,
            ClassNames = dataset.ClassNames,
            EncoderHash = encoderHash,
            ScalingFactor = model.ScalingFactor,
            ImageSize = model.ImageSize,
            Kind = options.SamplePosterior ? LatentKind.Sample : LatentKind.Mean,
            Extra = new Dictionary<string, string> { [SourceChannelsKey] = dataset.IsGrey ? "1" : "3" },
        };
        var readable = ReadableImages.Find(dataset, fit, options.MaxDamaged, context);
        using var writer = LatentStoreWriter.Open(output, info, readable.Count, options.RowsPerShard);
        ProviderChoice.Announce(options.Provider, context.Progress);
        using var encoder = VaeEncoder.Open(model, context.Networks with
        {
            Provider = options.Provider,
            Threads = context.Workers,
            BatchSize = options.BatchSize,
        });
        context.Progress.Begin("encode", writer.TotalRows, "images", writer.CompletedRows);
        try
        {
            while (writer.CompletedRows < writer.TotalRows)
            {
                int shardEnd = Math.Min(writer.TotalRows, (writer.AppendedRows / options.RowsPerShard * options.RowsPerShard) + options.RowsPerShard);
                for (int first = writer.AppendedRows; first < shardEnd;)
                {
                    int count = Math.Min(options.BatchSize * BatchesPerChunk, shardEnd - first);
                    EncodeRows(dataset, fit, readable, first, count, encoder, writer, options, context);
                    first += count;
                    context.Progress.Advance(count);
                }

                stage.SaveTiming();
            }
        }
        finally
        {
            context.Progress.End();
        }

        writer.Complete();
        stage.Complete([.. Directory.EnumerateFiles(output, "latents*.safetensors*").Select(Path.GetFileName).Order(StringComparer.Ordinal)!]);
    }

    private static void EncodeRows(
        IImageDataset dataset,
        ImageFit fit,
        ReadableImages readable,
        int first,
        int count,
        VaeEncoder encoder,
        LatentStoreWriter writer,
        EncodeOptions options,
        StageContext context)
    {
        int pixels = 3 * fit.Height * fit.Width;
        int length = encoder.LatentShape.Length;
        var images = new float[(long)count * pixels];
        var latents = new float[(long)count * length];
        var labels = new int[count];
        context.ForEach(count, () => new PixelBuffer(pixels), (i, buffer) =>
        {
            int index = readable[first + i];
            labels[i] = dataset.LabelOf(index);
            dataset.ReadRgb(index, fit, buffer.Bytes);
            PlanarPixels.ToSigned(buffer.Bytes, images.AsSpan(i * pixels, pixels));
        });
        if (options.SamplePosterior)
        {
            var noise = new float[latents.Length];
            for (int i = 0; i < count; i++)
                RandomStreams.Posterior(options.Seed, readable[first + i]).FillGaussian(noise.AsSpan(i * length, length));
            encoder.EncodeSample(images, count, noise, latents);
        }
        else
        {
            encoder.EncodeMean(images, count, latents);
        }

        context.Cancellation.ThrowIfCancellationRequested();
        writer.Append(latents, labels);
    }

    private static Dictionary<string, string> Describe(EncodeOptions options, IImageDataset dataset, ImageFit fit, string encoderHash, StageContext context)
    {
        var settings = new Dictionary<string, string>
        {
            ["data"] = dataset.Fingerprint,
            ["encoder"] = encoderHash,
            ["fit"] = fit.ToString(),
            ["latent"] = options.SamplePosterior ? string.Create(CultureInfo.InvariantCulture, $"sample, seed {options.Seed}") : "mean",
            ["batch_size"] = options.BatchSize.ToString(CultureInfo.InvariantCulture),
            ["rows_per_shard"] = options.RowsPerShard.ToString(CultureInfo.InvariantCulture),
            ["max_damaged"] = options.MaxDamaged.ToString(CultureInfo.InvariantCulture),
            ["provider"] = options.Provider.ToString(),
        };
        if (SynthesizeStage.UsesHalfPrecision(options.Provider, context))
            settings["precision"] = "float16";
        return settings;
    }
}
