using Ddoq.Latents;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Estimates;

/// <summary>What a quantisation will cost, from classes of sizes evenly spread over the data's.</summary>
public static class QuantizeEstimate
{
    /// <summary>Quantises classes for some seconds, as many at once as the stage does, and multiplies by rows. Writes nothing.</summary>
    /// <param name="options">Algorithm, device and share.</param>
    /// <param name="latents">Latent store.</param>
    /// <param name="context">Workers, cancellation.</param>
    /// <exception cref="DdoqException">The store is not usable, or the memory limit is too low.</exception>
    public static StageEstimate Measure(QuantizeOptions options, string latents, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        QuantizerFactory.Require(options.Device);
        Cost began = Cost.Now();
        using LatentStore store = options.OpenLatents(latents);
        QuantizeStage.RequireRows(store, latents);
        _ = StageIdentity.OfLatents(latents, store, context.Cancellation);
        return Measure(options, store, context.Share.Of(store), Cost.Now() - began, context);
    }

    /// <summary>Measures on any rows.</summary>
    internal static StageEstimate Measure(QuantizeOptions options, ILatentSource source, IReadOnlyCollection<int> share, Cost start, StageContext context)
    {
        QuantizerOptions quantizer = options.Quantizer with { Workers = context.Workers };
        quantizer = quantizer with { CentroidCount = Math.Min(quantizer.CentroidCount, share.Max(source.RowCount)) };
        quantizer.Validate();
        using IQuantizer engine = QuantizerFactory.Create(options.Device, NullProgress.Instance, source.HasSampleWeights);
        UnitCost cost = SpreadClasses.Measure(source, share, context.Workers, classes =>
        {
            var others = Enumerable.Range(0, source.ClassNames.Count).Except(classes).ToHashSet();
            engine.Fit(source, quantizer, _ => { }, others, NullProgress.Instance, context.Cancellation);
        });
        return cost.For(QuantizeStage.Name, share.Sum(c => (long)source.RowCount(c)), "rows", start) with
        {
            // Centres of classes lie beside the file that they are joined to.
            DiskBytes = 2L * share.Count * quantizer.CentroidCount * ((source.Shape.Length * sizeof(float)) + sizeof(long) + sizeof(float)),
            MemoryBytes = Math.Max(StageEstimate.PeakMemory(), MemoryPlan.Create(source, quantizer, [.. share]).TotalBytes),
        };
    }
}

/// <summary>Classes in an order in which any beginning stands for all sizes, in groups that are worked on at once.</summary>
internal static class SpreadClasses
{
    public static IEnumerable<int[]> Of(ILatentSource source, IReadOnlyCollection<int> classes, int workers)
    {
        int[] falling = [.. classes.OrderByDescending(source.RowCount).ThenBy(c => c)];
        int groups = (falling.Length + workers - 1) / workers;

        // The middle first, then halves of what is left: 4, 2, 6, 1, 3, 5, 7 of seven.
        foreach (int group in Halves(0, groups))
            yield return falling[(group * workers)..Math.Min(falling.Length, (group + 1) * workers)];
    }

    /// <summary>Works on groups until enough is measured.</summary>
    /// <param name="source">The rows.</param>
    /// <param name="classes">Classes that have rows.</param>
    /// <param name="workers">Classes in a group.</param>
    /// <param name="work">Does one group.</param>
    /// <returns>The cost of a row.</returns>
    public static UnitCost Measure(ILatentSource source, IReadOnlyCollection<int> classes, int workers, Action<int[]> work)
    {
        var groups = new Queue<int[]>(Of(source, classes, workers));
        return UnitCost.Measure(() =>
        {
            if (!groups.TryDequeue(out int[]? some))
                return 0;
            work(some);
            return some.Sum(c => (long)source.RowCount(c));
        });
    }

    private static IEnumerable<int> Halves(int first, int end)
    {
        var open = new Queue<(int First, int End)>([(first, end)]);
        while (open.TryDequeue(out (int First, int End) part))
        {
            if (part.First >= part.End)
                continue;
            int middle = (part.First + part.End) / 2;
            yield return middle;
            open.Enqueue((part.First, middle));
            open.Enqueue((middle + 1, part.End));
        }
    }
}
