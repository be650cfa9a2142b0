using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Latents;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;
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

    /// <summary>The same for candidates: the choice, with what it asks of networks, and the decoding of what is kept. Writes nothing.</summary>
    /// <param name="configuration">Settings.</param>
    /// <param name="candidates">Folder of the candidates.</param>
    /// <param name="latents">Latent store of the data.</param>
    /// <param name="prototypes">Prototypes for objectives that need any; null where they are made first.</param>
    /// <param name="context">Workers, cancellation.</param>
    /// <returns>The parts, in the order in which they are done.</returns>
    /// <exception cref="DdoqException">Candidates, store, model or teacher are not usable, or do not belong together.</exception>
    public static IReadOnlyList<StageEstimate> MeasureCandidates(PipelineConfiguration configuration, string candidates, string latents, string? prototypes, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(context);
        CandidateSet set = CandidateSet.Open(candidates);
        SelectOptions options = SelectRun.OptionsFor(set, configuration, prototypes);
        using LatentStore store = LatentStore.Open(latents);
        CandidateStage.RequireSameClasses(set.List, store, candidates, latents);
        using var images = new CandidateImages(options, set, candidates, store, latents);
        images.Load(context);
        int[] classes = [.. Enumerable.Range(0, store.ClassNames.Count).Where(c => store.RowCount(c) > 0 && set.List.CountOf(c) > 0)];
        if (classes.Length == 0)
            throw new DdoqException($"no class has rows in '{latents}' and candidates in '{candidates}'", "Give the latents that the candidates' prototypes were made from.");
        int CountOf(int c) => CandidateStage.CountOf(options, store, set.List, c);
        return
        [
            .. Choice(options, store, classes, CountOf, c => images.Measure(c, context).Latents, images.Side * images.Side, context),
            Decoding(images, classes, CountOf, context).For("decode", classes.Sum(c => (long)CountOf(c)), "images"),
        ];
    }

    // A piece: every worker decodes images of a class.
    private static UnitCost Decoding(CandidateImages images, int[] classes, Func<int, int> countOf, StageContext context)
    {
        int next = 0, left = classes.Sum(countOf);
        return UnitCost.Measure(() =>
        {
            if (left <= 0)
                return 0;
            int[] some = [.. Enumerable.Range(0, context.Workers).Select(_ => classes[next++ % classes.Length])];
            context.ForEach(some.Length, () => new MemoryStream(), (i, _) => images.Render(some[i], Math.Min(CandidateImages.ChunkRows, countOf(some[i])), context));
            int done = some.Sum(c => Math.Min(CandidateImages.ChunkRows, countOf(c)));
            left -= done;
            return done;
        });
    }

    /// <summary>Measures on any rows.</summary>
    internal static IReadOnlyList<StageEstimate> Measure(SelectOptions options, ILatentSource source, ImageFit fit, StageContext context)
    {
        int most = options.Quantize.Quantizer.CentroidCount;
        int[] classes = [.. Enumerable.Range(0, source.ClassNames.Count).Where(c => source.RowCount(c) > 0)];
        return Choice(options, source, classes, c => Math.Min(most, source.RowCount(c)), candidatesOf: null, fit.Height * fit.Width, context);
    }

    // The centres where the objective has any and none are given, and the choice among rows, or among candidates.
    private static List<StageEstimate> Choice(
        SelectOptions options, ILatentSource source, int[] classes, Func<int, int> countOf, Func<int, float[]>? candidatesOf, int pixels, StageContext context)
    {
        var parts = new List<StageEstimate>();
        if (options.OwnCentres is { } centres && options.Prototypes is null)
            parts.Add(QuantizeEstimate.Measure(centres, source, classes, default, context));
        using var selector = new CandidateSelector();
        UnitCost cost = SpreadClasses.Measure(source, classes, context.Workers, some =>
            context.ForEach(some.Length, () => new MemoryStream(), (i, _) => Choose(selector, options, source, some[i], countOf(some[i]), candidatesOf?.Invoke(some[i]), context)));
        parts.Add(cost.For(SelectionFrame.Name, classes.Sum(c => (long)source.RowCount(c)), "rows") with
        {
            DiskBytes = classes.Sum(c => (long)countOf(c)) * 3 * pixels,
        });
        return parts;
    }

    private static void Choose(CandidateSelector selector, SelectOptions options, ILatentSource source, int c, int count, float[]? candidates, StageContext context)
    {
        float[] centroids = [];
        if (options.Rule.Objective == SelectionObjective.Nearest)
        {
            // Any points cost what the centres do.
            centroids = new float[count * source.Shape.Length];
            source.ReadRows(c, 0, centroids);
        }

        if (candidates is null)
            selector.SelectRows(source, c, options.For(count), centroids: centroids, cancellation: context.Cancellation);
        else
            selector.Select(source, c, candidates, options.For(count), centroids: centroids, cancellation: context.Cancellation);
    }
}
