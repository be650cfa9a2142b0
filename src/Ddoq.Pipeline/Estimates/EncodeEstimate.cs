using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Pipeline.Stages;

namespace Ddoq.Pipeline.Estimates;

/// <summary>What an encoding will cost: decoding, fitting and the network side by side, as the stage runs them.</summary>
public static class EncodeEstimate
{
    /// <summary>Loads data and model, encodes for some seconds, and multiplies. Writes nothing.</summary>
    /// <param name="options">Images and model.</param>
    /// <param name="context">Workers, cancellation.</param>
    /// <exception cref="DdoqException">Images or model are not usable.</exception>
    public static StageEstimate Measure(EncodeOptions options, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        using IImageDataset dataset = options.Images.OpenTraining(context.Cancellation);
        return Measure(options, dataset, context).Estimate;
    }

    /// <summary>Measures, and keeps rows of what was encoded to stand for the store.</summary>
    internal static (StageEstimate Estimate, StandInRows Rows) Measure(EncodeOptions options, IImageDataset dataset, StageContext context)
    {
        Cost began = Cost.Now();
        using RowEncoding encoding = RowEncoding.Of(options, dataset, context);
        _ = dataset.Fingerprint;
        LatentShape shape = encoding.Describe(dataset.ClassNames).Shape;
        encoding.Open(context);
        Cost start = Cost.Now() - began;
        int chunk = EncodeStage.ChunkRows(encoding.Fit, options.BatchSize), piece = Math.Min(encoding.RowsAtOnce, chunk);
        var reader = new ImageBatchReader(dataset, encoding.Fit, new ImageBatchOptions
        {
            BatchSize = piece,
            Range = PixelRange.MinusOneToOne,
            Workers = context.Workers,
            Damage = DamagePolicy.Skip(int.MaxValue),
        });
        var kept = new List<float>();
        var rows = new float[(long)piece * shape.Length];
        using IEnumerator<ImageBatch> batches = reader.ReadAll(context.Cancellation).GetEnumerator();
        UnitCost cost = UnitCost.Measure(() =>
        {
            if (!batches.MoveNext())
                return 0;
            ImageBatch batch = batches.Current;
            Span<float> values = rows.AsSpan(0, batch.Count * shape.Length);
            encoding.Encode(batch, 0, batch.Count, values, context.Cancellation);
            if (kept.Count < StandInRows.MostValues)
                kept.AddRange(values);
            return batch.Count;
        });
        long pixels = 3L * encoding.Fit.Height * encoding.Fit.Width;
        var estimate = cost.For(EncodeStage.Name, dataset.Count, "images", start) with
        {
            NetworkCalls = encoding.IsNetwork ? (dataset.Count + options.BatchSize - 1L) / options.BatchSize : 0,
            DiskBytes = EncodeStage.BytesOnDisk(dataset.Count, shape, options.RowsPerShard),
            MemoryBytes = StageEstimate.PeakMemory() + (2 * (chunk - piece) * pixels * sizeof(float)),
        };
        return (estimate, new StandInRows(shape, dataset.ClassNames, dataset, kept));
    }
}
