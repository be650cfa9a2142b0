using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Onnx.Models;
using Ddoq.Onnx.Sessions;
using Ddoq.Pipeline.Configuration;
using Ddoq.Storage;

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

/// <summary>Images to latents: decodes, fits and encodes the training images into a latent store.</summary>
/// <remarks>
/// Everything is checked before the first byte is written. Resumes behind the last batch. The bytes do not depend on the number
/// of workers or on interruptions. The next images
/// are decoded while the network works on these; a damaged one is found when its turn comes and leaves a gap in the numbering of
/// rows (<see cref="LatentStoreWriter.Skip"/>), so nothing is decoded twice.
/// </remarks>
public static class EncodeStage
{
    internal const string Name = "encode";

    /// <summary>Metadata key of a latent store and of prototypes: 1 when all source images are grey, else 3.</summary>
    public const string SourceChannelsKey = "source_channels";

    // Rows decoded and encoded together: whole batches of the network, and no more of them than this many bytes of input.
    private const int BatchesPerChunk = 32;
    private const long ChunkBytes = 256L << 20;

    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="options">What to encode and how.</param>
    /// <param name="output">Folder of the latent store.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>Whether the store is complete: a share completes it when it finds all others done in the same folder.</returns>
    /// <exception cref="DdoqException">Images, model or output folder are not usable; each says what and where.</exception>
    public static bool Run(EncodeOptions options, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        using IImageDataset dataset = options.Images.OpenTraining(context.Cancellation);
        using RowEncoding encoding = RowEncoding.Of(options, dataset, context);
        Dictionary<string, string> settings = Describe(options, dataset, encoding, context);
        LatentStoreInfo info = encoding.Describe(dataset.ClassNames) with
        {
            Extra = new Dictionary<string, string> { [SourceChannelsKey] = dataset.IsGrey ? "1" : "3" },
        };
        if (!context.Finds(output, Name, settings))
            Check(options, dataset, encoding, info, output, context);
        using StageFolder stage = context.Open(output, Name, settings);
        if (stage.IsComplete)
        {
            DamageReport.CheckComplete(output, options.Images.MaxDamaged);
            context.Progress.Message($"encode: complete in {output}");
            return true;
        }

        var plan = new EncodePlan(dataset.Count, options.RowsPerShard, options.Images.MaxDamaged, dataset.Location, [.. dataset.PassedOver]);
        DamageReport? damage = null;
        bool isWhole = ShareWork.Run(output, context, plan, own =>
        {
            damage = new DamageReport(dataset, options.Images.MaxDamaged, own.Progress);
            EncodeShare(dataset, encoding, info, damage, stage, options, own);
            return DamageReport.ToDetails(damage.Images);
        });
        damage!.Tell(dataset.Remarks, "note");
        if (!isWhole)
        {
            ShareWork.TellDone(Name, context);
            return false;
        }

        Join(stage, plan, info, context.Share.IsPartial ? DamageReport.OfShares([output]) : damage.Images);
        return true;
    }

    /// <summary>Joins the shards of all shares to the store, and marks it complete.</summary>
    /// <param name="stage">The store's folder.</param>
    /// <param name="plan">What the shares were asked for.</param>
    /// <param name="info">Null takes what the shards say.</param>
    /// <param name="damaged">The images that the shares left out.</param>
    /// <exception cref="DdoqException">A shard is missing or damaged, or more images are damaged than allowed.</exception>
    internal static void Join(StageFolder stage, EncodePlan plan, LatentStoreInfo? info, IReadOnlyList<DamagedImage> damaged)
    {
        string output = stage.Path;
        info ??= LatentStoreWriter.InfoOf(output);
        int rowsPerShard = Math.Min(plan.RowsPerShard, plan.Images), shards = ShardsOf(plan.Images, rowsPerShard);
        IReadOnlyList<int[]?> found = LatentStoreWriter.Survey(output, info, plan.Images, rowsPerShard, 0, shards);
        int[] missing = [.. Enumerable.Range(0, shards).Where(shard => found[shard] is null)];
        if (missing.Length > 0)
            throw MissingUnits.Of("shard", missing.Select(shard => LatentStoreWriter.ShardFileName(shard, shards)), missing.Length, shards, output, "encode");
        DamagedImage[] left = [.. damaged.DistinctBy(image => image.Index).OrderBy(image => image.Index)];
        int[] skipped = [.. found.SelectMany(rows => rows!)];
        if (skipped.Except(left.Select(image => image.Index)).Select(row => (int?)row).FirstOrDefault() is { } unknown)
            throw new DdoqException($"image {unknown} was left out of '{output}', and no share says why", "Run the shares of 'ddoq encode' again: only what is missing is done.");
        left = [.. left.Where(image => Array.BinarySearch(skipped, image.Index) >= 0)];
        if (left.Length > plan.MaxDamaged)
            throw new DdoqException($"{left.Length} of {plan.Images} images are damaged, {plan.MaxDamaged} are allowed; the first: {Path.Combine(plan.Location, left[0].Name)}: {left[0].Reason}", "Mend or remove the files, or raise --max-damaged in all shares.");
        using LatentStoreWriter writer = LatentStoreWriter.Open(output, info, plan.Images, plan.RowsPerShard);
        if (writer.CompletedRows < writer.TotalRows)
            throw new DdoqException($"'{output}': a shard that was whole a moment ago cannot be read, behind row {writer.CompletedRows}", "Look whether the disk is sound, and run the same command again: only what is missing is done.");
        if (writer.SkippedRows.Count == writer.TotalRows)
            throw new DdoqException($"all {writer.TotalRows} images of {plan.Location} are damaged", "Fetch the data again.");
        writer.Complete();
        stage.Complete([
            .. DamageReport.Write(output, left, plan.PassedOver),
            .. Directory.EnumerateFiles(output, "latents*.safetensors*").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)]);
        new ShareFolder(output).Remove();
    }

    private static int ShardsOf(int images, int rowsPerShard) => (int)((images + (long)rowsPerShard - 1) / rowsPerShard);

    /// <summary>Encodes the shards of a share that are not there yet.</summary>
    private static void EncodeShare(
        IImageDataset dataset, RowEncoding encoding, LatentStoreInfo info, DamageReport damage, StageFolder stage, EncodeOptions options, StageContext context)
    {
        int rowsPerShard = Math.Min(options.RowsPerShard, dataset.Count);
        (int first, int end) = context.Share.Range(ShardsOf(dataset.Count, rowsPerShard));
        damage.Tell(dataset.PassedOver, "passed over");
        if (first == end)
            return;
        IReadOnlyList<int[]?> found = LatentStoreWriter.Survey(stage.Path, info, dataset.Count, rowsPerShard, first, end);
        int RowsOf(int shard) => (int)Math.Min(rowsPerShard, dataset.Count - ((long)shard * rowsPerShard));
        long total = Enumerable.Range(first, end - first).Sum(shard => (long)RowsOf(shard)), whole = Enumerable.Range(first, end - first).Sum(shard => found[shard - first] is null ? 0L : RowsOf(shard));
        damage.AddEarlier(found.SelectMany(skipped => skipped ?? []), encoding.Fit);
        bool isBegun = false;
        try
        {
            for (int shard = first; shard < end; shard++)
            {
                if (found[shard - first] is not null)
                    continue;
                int run = shard;
                while (shard + 1 < end && found[shard + 1 - first] is null)
                    shard++;
                using LatentStoreWriter writer = LatentStoreWriter.OpenRun(stage.Path, info, dataset.Count, options.RowsPerShard, run, shard + 1);
                damage.AddEarlier(writer.SkippedRows, encoding.Fit);
                int kept = writer.AppendedRows - (run * rowsPerShard);
                if (isBegun)
                    context.Progress.Advance(kept);
                else
                    context.Progress.Begin(Name, total, "images", whole + kept);
                isBegun = true;
                EncodeRest(dataset, encoding, info.Shape.Length, writer, damage, stage, options, context);
            }
        }
        finally
        {
            if (isBegun)
                context.Progress.End();
        }
    }

    private static void EncodeRest(
        IImageDataset dataset,
        RowEncoding encoding,
        int length,
        LatentStoreWriter writer,
        DamageReport damage,
        StageFolder stage,
        EncodeOptions options,
        StageContext context)
    {
        var reader = new ImageBatchReader(dataset, encoding.Fit, new ImageBatchOptions
        {
            BatchSize = ChunkRows(encoding.Fit, options.BatchSize),
            Range = PixelRange.MinusOneToOne,
            Workers = context.Workers,

            // The report counts over interrupted runs, the reader only its own.
            Damage = options.Images.MaxDamaged == 0 ? DamagePolicy.Fail : DamagePolicy.Skip(int.MaxValue),
        });
        float[] latents = [];
        int first = writer.AppendedRows, shards = 0, skipped = 0;
        foreach (ImageBatch batch in reader.Read(first, writer.EndRow - first, context.Cancellation))
        {
            if (latents.Length < batch.Count * length)
                latents = new float[batch.Count * length];

            // Decoded in large pieces, kept in small ones: a killed run loses one call of each lane of the network.
            int piece = Math.Min(batch.Count, encoding.RowsAtOnce);
            for (int start = 0; start < batch.Count; start += piece)
            {
                int before = writer.AppendedRows, rows = Math.Min(piece, batch.Count - start);
                encoding.Encode(batch, start, rows, latents.AsSpan(0, rows * length), context.Cancellation);
                Append(batch, start, rows, latents, length, writer, reader, damage, ref skipped);
                context.Progress.Advance(writer.AppendedRows - before);
                if (writer.AppendedRows < writer.EndRow)
                    context.ThrowIfStopped();
            }

            if (writer.CompletedRows / options.RowsPerShard > shards)
            {
                shards = writer.CompletedRows / options.RowsPerShard;
                stage.SaveTiming();
            }
        }

        int rest = writer.EndRow - writer.AppendedRows;
        SkipTo(writer.EndRow, writer, reader, damage, ref skipped);
        context.Progress.Advance(rest);
    }

    /// <summary>Appends rows of a batch in runs without gaps, and skips the rows between them.</summary>
    private static void Append(
        ImageBatch batch, int first, int rows, float[] latents, int length, LatentStoreWriter writer, ImageBatchReader reader, DamageReport damage, ref int skipped)
    {
        for (int start = first; start < first + rows;)
        {
            SkipTo(batch.Indices[start], writer, reader, damage, ref skipped);
            int end = start + 1;
            while (end < first + rows && batch.Indices[end] == batch.Indices[end - 1] + 1)
                end++;
            writer.Append(latents.AsSpan((start - first) * length, (end - start) * length), batch.Labels[start..end]);
            start = end;
        }
    }

    /// <summary>Loads the network, runs it once on the first image that can be read, and looks for room on the disk.</summary>
    private static void Check(EncodeOptions options, IImageDataset dataset, RowEncoding encoding, LatentStoreInfo info, string output, StageContext context)
    {
        DiskSpace.Require(output, BytesOnDisk((dataset.Count / context.Share.Count) + 1, info.Shape, options.RowsPerShard), $"encoding {(dataset.Count / context.Share.Count) + 1} images to latents of {info.Shape}");
        encoding.Open(context);
        var reader = new ImageBatchReader(dataset, encoding.Fit, new ImageBatchOptions
        {
            BatchSize = 1,
            Range = PixelRange.MinusOneToOne,
            Workers = 1,
            Damage = options.Images.MaxDamaged == 0 ? DamagePolicy.Fail : DamagePolicy.Skip(int.MaxValue),
        });
        var row = new float[info.Shape.Length];
        foreach (ImageBatch batch in reader.Read(0, dataset.Count, context.Cancellation))
        {
            encoding.Encode(batch, 0, batch.Count, row, context.Cancellation);
            return;
        }
    }

    /// <summary>Skips the rows before an image; images are read in order, so the reader met the damaged ones in the order of the rows.</summary>
    private static void SkipTo(int index, LatentStoreWriter writer, ImageBatchReader reader, DamageReport damage, ref int skipped)
    {
        int count = index - writer.AppendedRows;
        if (count == 0)
            return;
        foreach (DamagedImage image in reader.DamagedAfter(skipped).Take(count))
        {
            damage.Add(image);
            writer.Skip();
            skipped++;
        }

        if (writer.AppendedRows != index)
            throw new InvalidOperationException($"image {index} follows image {writer.AppendedRows}, and not all between them are known to be damaged");
    }

    /// <summary>Room that a store needs while it is written: its rows, and those of one shard twice.</summary>
    internal static long BytesOnDisk(int rows, LatentShape shape, int rowsPerShard)
    {
        const int LabelBytes = 16;
        long row = ((long)shape.Length * sizeof(ushort)) + LabelBytes;
        return (rows + (long)Math.Min(rows, rowsPerShard)) * row;
    }

    /// <summary>Images decoded together.</summary>
    internal static int ChunkRows(ImageFit fit, int batchSize)
    {
        long bytes = 3L * fit.Height * fit.Width * sizeof(float);
        return checked(batchSize * (int)Math.Clamp(ChunkBytes / (bytes * batchSize), 1, BatchesPerChunk));
    }

    private static Dictionary<string, string> Describe(EncodeOptions options, IImageDataset dataset, RowEncoding encoding, StageContext context)
    {
        var settings = new Dictionary<string, string>(OptionsRecords.Encode.Describe(options, PipelineStages.Encode))
        {
            ["data"] = dataset.Fingerprint,
            ["encoder"] = encoding.Hash,
            ["fit"] = encoding.Fit.ToString(),
        };
        if (!options.SamplePosterior)
            settings.Remove(DataSettings.Seed.RecordKey);
        if (SynthesizeStage.UsesHalfPrecision(options.Provider, context))
            settings[RunSettings.Precision.RecordKey] = "float16";
        return settings;
    }
}

/// <summary>What the shares of an encoding were asked for, for joining them without the images.</summary>
/// <param name="Images">Images of the dataset.</param>
/// <param name="RowsPerShard">Rows per shard file.</param>
/// <param name="MaxDamaged">Damaged images that are allowed.</param>
/// <param name="Location">Where the images are.</param>
/// <param name="PassedOver">What is no image of the dataset.</param>
internal sealed record EncodePlan(int Images, int RowsPerShard, int MaxDamaged, string Location, DataRemark[] PassedOver);
