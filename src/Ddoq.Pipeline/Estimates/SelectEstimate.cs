using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using Ddoq.Selection;

namespace Ddoq.Pipeline.Estimates;

/// <summary>What keeping real images will cost: the rows where none are given, the centres where the objective has any, and the choice.</summary>
public static class SelectEstimate
{
    /// <summary>Does each part for some seconds and multiplies. Writes nothing.</summary>
    /// <param name="configuration">Settings.</param>
    /// <param name="latents">Store with a row per training image; null where rows are made first.</param>
    /// <param name="prototypes">Prototypes for objectives that need any; null where they are made first.</param>
    /// <param name="context">Workers, cancellation.</param>
    /// <returns>The parts, in the order in which they are done.</returns>
    /// <exception cref="DdoqException">Images, store or model are not usable, or do not belong together.</exception>
    public static IReadOnlyList<StageEstimate> Measure(PipelineConfiguration configuration, string? latents, string? prototypes, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(context);
        SelectOptions options = SelectOptions.From(configuration) with { Prototypes = prototypes };
        (EncodeOptions encode, ImageFit fit) = SelectRun.Plan(configuration, context);
        using IImageDataset data = options.Images.OpenTraining(context.Cancellation);
        if (latents is not null)
        {
            using LatentStore store = LatentStore.Open(latents);
            CoresetStage.RequireSameImages(data, store, latents);
            return Measure(options, store, fit, context);
        }

        (StageEstimate rows, StandInRows source) = EncodeEstimate.Measure(encode, data, context);
        return [rows, .. Measure(options, source, fit, context)];
    }

    /// <summary>Measures on any rows.</summary>
    internal static IReadOnlyList<StageEstimate> Measure(SelectOptions options, ILatentSource source, ImageFit fit, StageContext context)
    {
        QuantizerOptions quantizer = options.Quantize.Quantizer;
        int[] classes = [.. Enumerable.Range(0, source.ClassNames.Count).Where(c => source.RowCount(c) > 0)];
        var parts = new List<StageEstimate>();
        if (options.OwnCentres is { } centres && options.Prototypes is null)
            parts.Add(QuantizeEstimate.Measure(centres, source, classes, default, context));
        using var selector = new CandidateSelector();
        UnitCost cost = SpreadClasses.Measure(source, classes, context.Workers, some =>
            context.ForEach(some.Length, () => new MemoryStream(), (i, _) => Choose(selector, options, source, some[i], context)));
        long images = classes.Sum(c => Math.Min(quantizer.CentroidCount, source.RowCount(c)));
        parts.Add(cost.For(CoresetStage.Name, classes.Sum(c => (long)source.RowCount(c)), "rows") with
        {
            DiskBytes = images * 3 * fit.Height * fit.Width,
        });
        return parts;
    }

    private static void Choose(CandidateSelector selector, SelectOptions options, ILatentSource source, int c, StageContext context)
    {
        QuantizerOptions quantizer = options.Quantize.Quantizer;
        int count = Math.Min(quantizer.CentroidCount, source.RowCount(c));
        float[] centroids = [];
        if (options.Rule.Objective == SelectionObjective.Nearest)
        {
            // Any points cost what the centres do.
            centroids = new float[count * source.Shape.Length];
            source.ReadRows(c, 0, centroids);
        }

        selector.SelectRows(source, c, options.For(count), centroids: centroids, cancellation: context.Cancellation);
    }
}
