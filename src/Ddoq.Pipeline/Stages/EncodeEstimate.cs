using System.Diagnostics;
using System.Text.Json.Nodes;
using Ddoq.Imaging;
using Ddoq.Latents;

namespace Ddoq.Pipeline.Stages;

/// <summary>What an encoding will cost, from measured batches of the very images: decoding, fitting and the network side by side, as the stage runs them.</summary>
/// <param name="Images">Images to encode.</param>
/// <param name="Shape">Shape of a row.</param>
/// <param name="Measured">Images that were encoded for the estimate.</param>
/// <param name="SecondsPerImage">Wall-clock time of one of them.</param>
/// <param name="StartSeconds">Time until the first image: index of the data, network.</param>
/// <param name="Calls">Calls of the network; 0 without a model.</param>
/// <param name="DiskBytes">Size of the store, and of the shard that is kept twice while it is written.</param>
/// <param name="MemoryBytes">Images and latents in work; the network's own memory comes on top.</param>
public sealed record EncodeEstimate(
    int Images, LatentShape Shape, int Measured, double SecondsPerImage, double StartSeconds, long Calls, long DiskBytes, long MemoryBytes)
{
    // Long enough for steady figures, short enough to wait for.
    private const double MeasuredSeconds = 4;

    /// <summary>Expected wall-clock time.</summary>
    public double Seconds => StartSeconds + (Images * SecondsPerImage);

    /// <summary>Loads data and model, encodes for some seconds, and multiplies. Writes nothing.</summary>
    /// <param name="options">Images and model.</param>
    /// <param name="context">Workers, cancellation.</param>
    /// <exception cref="DdoqException">Images or model are not usable.</exception>
    public static EncodeEstimate Measure(EncodeOptions options, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        long began = Stopwatch.GetTimestamp();
        using IImageDataset dataset = options.Images.OpenTraining(context.Cancellation);
        using RowEncoding encoding = RowEncoding.Of(options, dataset, context);
        _ = dataset.Fingerprint;
        LatentShape shape = encoding.Describe(dataset.ClassNames).Shape;
        encoding.Open(context);
        double start = Stopwatch.GetElapsedTime(began).TotalSeconds;
        int piece = Math.Min(encoding.RowsAtOnce, EncodeStage.ChunkRows(encoding.Fit, options.BatchSize)), chunk = EncodeStage.ChunkRows(encoding.Fit, options.BatchSize);
        var reader = new ImageBatchReader(dataset, encoding.Fit, new ImageBatchOptions
        {
            BatchSize = piece,
            Range = PixelRange.MinusOneToOne,
            Workers = context.Workers,
            Damage = DamagePolicy.Skip(int.MaxValue),
        });
        var rows = new float[(long)piece * shape.Length];

        // The first piece also allocates and, on a device, chooses kernels; data that it exhausts is measured by it alone.
        int count = 0;
        long since = Stopwatch.GetTimestamp();
        double seconds = 0;
        foreach (ImageBatch batch in reader.ReadAll(context.Cancellation))
        {
            encoding.Encode(batch, 0, batch.Count, rows.AsSpan(0, batch.Count * shape.Length), context.Cancellation);
            bool isFirst = count == 0 && seconds == 0;
            count += batch.Count;
            seconds = Stopwatch.GetElapsedTime(since).TotalSeconds;
            if (isFirst && batch.Count < dataset.Count)
            {
                start += seconds;
                (count, seconds, since) = (0, double.Epsilon, Stopwatch.GetTimestamp());
            }
            else if (seconds > MeasuredSeconds)
            {
                break;
            }
        }

        int pixels = 3 * encoding.Fit.Height * encoding.Fit.Width;
        return new EncodeEstimate(
            dataset.Count,
            shape,
            count,
            seconds / Math.Max(1, count),
            start,
            encoding.IsNetwork ? (dataset.Count + options.BatchSize - 1L) / options.BatchSize : 0,
            EncodeStage.BytesOnDisk(dataset.Count, shape, options.RowsPerShard),
            2L * chunk * pixels * sizeof(float) + ((long)chunk * shape.Length * sizeof(float)));
    }

    /// <summary>The estimate for people and programs.</summary>
    public JsonObject ToJson() => new()
    {
        ["images"] = Images,
        ["latent_shape"] = Shape.ToString(),
        ["network_calls"] = Calls,
        ["measured_images"] = Measured,
        ["images_per_second"] = Math.Round(1 / Math.Max(1e-9, SecondsPerImage), 1),
        ["estimated_seconds"] = Math.Round(Seconds, 1),
        ["disk_megabytes"] = Math.Round(DiskBytes / 1e6, 1),
        ["memory_megabytes"] = Math.Round(MemoryBytes / 1e6, 1),
    };
}
