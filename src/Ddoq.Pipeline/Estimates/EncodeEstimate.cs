using System.Numerics.Tensors;
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

/// <summary>Rows in the place of a store that is not there yet: as many in each class as the data have, drawn from the few that were encoded for an estimate.</summary>
/// <remarks>
/// A row that is drawn again is mixed with another, to the same variance, so that no two are equal: equal rows would be cheaper than
/// real ones.
/// </remarks>
internal sealed class StandInRows : ILatentSource
{
    /// <summary>Values that are worth keeping for this.</summary>
    public const int MostValues = 1 << 23;

    // Their squares sum to 1.
    private const float Own = 0.9f, Other = 0.43588990f;
    private readonly float[] _pool;
    private readonly int[] _counts;

    /// <summary>Takes rows for the classes of a dataset.</summary>
    public StandInRows(LatentShape shape, IReadOnlyList<string> classNames, IImageDataset data, List<float> pool)
    {
        Shape = shape;
        ClassNames = classNames;
        _pool = [.. pool];
        _counts = new int[classNames.Count];
        for (int i = 0; i < data.Count; i++)
            _counts[data.LabelOf(i)]++;
    }

    public LatentShape Shape { get; }

    public IReadOnlyList<string> ClassNames { get; }

    public int RowCount(int classIndex) => _counts[classIndex];

    public void ReadRows(int classIndex, int firstRow, Span<Half> destination)
    {
        int length = Shape.Length, rows = _pool.Length / length;
        for (int i = 0; i < destination.Length / length; i++)
        {
            (int again, int row) = Math.DivRem(firstRow + i, rows);
            ReadOnlySpan<float> own = _pool.AsSpan(row * length, length), other = _pool.AsSpan((row + again) % rows * length, length);
            Span<Half> to = destination.Slice(i * length, length);
            if (again == 0)
            {
                TensorPrimitives.ConvertToHalf(own, to);
                continue;
            }

            for (int d = 0; d < length; d++)
                to[d] = (Half)((Own * own[d]) + (Other * other[d]));
        }
    }

    public bool TryGetRows(int classIndex, out ReadOnlySpan<Half> rows)
    {
        rows = default;
        return false;
    }
}
