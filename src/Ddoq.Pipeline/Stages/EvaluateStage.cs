using Ddoq.Distilled;
using Ddoq.Evaluation.Comparison;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Stages;

/// <summary>Measures prototypes against the latents they stand for: distortion and exact Wasserstein-2 distances.</summary>
public static class EvaluateStage
{
    /// <summary>Measures one prototype file.</summary>
    /// <param name="latents">Latent store.</param>
    /// <param name="prototypes">Prototype file.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">The files are not usable or do not fit each other.</exception>
    public static PrototypeComparison Measure(string latents, string prototypes, StageContext context) =>
        Measure(latents, [("prototypes", prototypes, true)], context);

    /// <summary>Measures several prototype files, class by class in parallel.</summary>
    /// <param name="latents">Latent store.</param>
    /// <param name="arms">Name, file, and whether the arm uses its weights (else 1/K each).</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">The files are not usable or do not fit each other.</exception>
    public static PrototypeComparison Measure(
        string latents, IReadOnlyList<(string Name, string File, bool IsWeighted)> arms, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(arms);
        ArgumentNullException.ThrowIfNull(context);
        var sets = new PrototypeSet[arms.Count];
        try
        {
            for (int a = 0; a < sets.Length; a++)
                sets[a] = PrototypeSet.Load(arms[a].File);
            using LatentStore store = LatentStore.Open(latents, sets.FirstOrDefault()?.ClassNames);
            return Measure(store, [.. arms.Select((arm, a) => PrototypeArm.FromSet(arm.Name, sets[a], arm.IsWeighted))], context);
        }
        finally
        {
            foreach (PrototypeSet? set in sets)
                set?.Dispose();
        }
    }

    /// <summary>Measures the finished images of several sets by their latents.</summary>
    /// <param name="latents">Latent store of the data.</param>
    /// <param name="sets">The sets, with latents in the order of their metadata.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <exception cref="DdoqException">The files are not usable or do not fit each other.</exception>
    internal static PrototypeComparison MeasureImages(string latents, IReadOnlyList<MeasuredImages> sets, StageContext context)
    {
        using LatentStore store = LatentStore.Open(latents);
        var opened = new List<LatentStore>();
        try
        {
            var arms = new List<PrototypeArm>();
            foreach (MeasuredImages set in sets)
            {
                LatentStore images = LatentStore.Open(set.Latents);
                opened.Add(images);
                arms.Add(Arm(set, images));
            }

            return Measure(store, arms, context);
        }
        finally
        {
            foreach (LatentStore images in opened)
                images.Dispose();
        }
    }

    private static PrototypeArm Arm(MeasuredImages set, LatentStore images)
    {
        DistilledSet list = DistilledSet.Load(set.Folder, requireImages: false);
        float[] weights = ImageWeights.Of(list, set.Folder, set.Weights);
        int[][] rows = [.. Enumerable.Range(0, list.ClassNames.Count).Select(c => Enumerable.Range(0, weights.Length).Where(i => list.Images[i].Label == c).ToArray())];
        PrototypeArm plain = PrototypeArm.FromLatents(set.Name, images);
        return plain with { Prototypes = c => plain.Prototypes(c) with { Weights = rows[c].Select(i => (double)weights[i]).ToArray() } };
    }

    private static PrototypeComparison Measure(LatentStore store, IReadOnlyList<PrototypeArm> arms, StageContext context)
    {
        var parts = new PrototypeComparison[store.ClassNames.Count];
        context.Progress.Begin("evaluate", parts.Length, "classes");
        try
        {
            context.ForEach(parts.Length, () => new MemoryStream(), (c, _) =>
            {
                parts[c] = PrototypeComparison.Measure(store, arms, classes: [c], cancellationToken: context.Cancellation);
                context.Progress.Advance(1);
            });
        }
        finally
        {
            context.Progress.End();
        }

        return PrototypeComparison.FromMeasurements([.. parts.SelectMany(part => part.Measurements)]);
    }
}

/// <summary>The finished images of a set, to be measured by their latents.</summary>
/// <param name="Name">Name of the arm.</param>
/// <param name="Folder">Folder of the distilled set.</param>
/// <param name="Latents">Latent store of its images.</param>
/// <param name="Weights">Rule that replaces the stored weights; null for those.</param>
internal sealed record MeasuredImages(string Name, string Folder, string Latents, WeightRule? Weights);
