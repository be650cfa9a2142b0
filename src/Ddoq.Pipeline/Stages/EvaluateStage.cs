using Ddoq.Distilled;
using Ddoq.Evaluation.Comparison;
using Ddoq.Latents;

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
        using LatentStore store = LatentStore.Open(latents);
        var sets = new PrototypeSet[arms.Count];
        try
        {
            for (int a = 0; a < sets.Length; a++)
                sets[a] = PrototypeSet.Load(arms[a].File);
            PrototypeArm[] measured = [.. arms.Select((arm, a) => PrototypeArm.FromSet(arm.Name, sets[a], arm.IsWeighted))];
            var parts = new PrototypeComparison[store.ClassNames.Count];
            context.Progress.Begin("evaluate", parts.Length, "classes");
            try
            {
                context.ForEach(parts.Length, () => new MemoryStream(), (c, _) =>
                {
                    parts[c] = PrototypeComparison.Measure(store, measured, classes: [c], cancellationToken: context.Cancellation);
                    context.Progress.Advance(1);
                });
            }
            finally
            {
                context.Progress.End();
            }

            return PrototypeComparison.FromMeasurements([.. parts.SelectMany(part => part.Measurements)]);
        }
        finally
        {
            foreach (PrototypeSet? set in sets)
                set?.Dispose();
        }
    }
}
