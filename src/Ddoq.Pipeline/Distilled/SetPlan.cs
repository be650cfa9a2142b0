using Ddoq.Distilled;
using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;
using Ddoq.Storage;

namespace Ddoq.Pipeline;

/// <summary>What completes a distilled set once its images are there, without prototypes, models or sources at hand.</summary>
/// <param name="Stage">Name of the stage that makes the images.</param>
/// <param name="ClassNames">Class names in label order.</param>
/// <param name="Weights">The rule of the weights, in its word.</param>
/// <param name="Origin">One sentence for the card.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="Device">What computed the images.</param>
/// <param name="Classes">The images of each class; null where the stage's files of classes say which.</param>
/// <param name="HasDistortion">Whether the images stand for cells, whose distortion is told.</param>
internal sealed record SetPlan(
    string Stage, IReadOnlyList<string> ClassNames, string Weights, string Origin, ulong Seed, string Device, SetPlanClass[]? Classes, bool HasDistortion)
{
    private WeightRule Rule => (WeightRule)SynthesizeSettings.Weights.Parse(Weights, SynthesizeSettings.Weights.Flag);

    /// <summary>One image per centre.</summary>
    /// <param name="set">Prototypes.</param>
    /// <param name="rule">Weight rule.</param>
    /// <param name="origin">For the card.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="device">What computes the images.</param>
    /// <param name="useCounts">False when the images do not come from the centres: then no image stands for a cell.</param>
    public static SetPlan FromPrototypes(PrototypeSet set, WeightRule rule, string origin, ulong seed, string device, bool useCounts)
    {
        var classes = new SetPlanClass[set.ClassNames.Count];
        for (int c = 0; c < classes.Length; c++)
        {
            long[] counts = useCounts ? set.Counts(c).ToArray() : new long[set.CenterCount(c)];
            classes[c] = new SetPlanClass(counts, useCounts && set.HasMasses ? set.Masses(c).ToArray() : null, useCounts ? set.Distortion(c) : 0);
        }

        return new SetPlan("synthesize", set.ClassNames, SynthesizeSettings.Weights.Show(rule), origin, seed, device, classes, useCounts);
    }

    /// <summary>The images in the order of the metadata.</summary>
    /// <param name="choices">What was chosen for each class, where <see cref="Classes"/> does not say.</param>
    public DistilledPlan ToPlan(IReadOnlyList<ClassChoice>? choices) => DistilledPlan.FromImages(
        ClassNames,
        [.. Enumerable.Range(0, ClassNames.Count).Select(c => choices is null ? Classes![c].ToImages((long)Seed) : choices[c].Images)],
        Rule);

    /// <summary>Writes metadata, summary, provenance and card beside the images of all shares, and completes the stage.</summary>
    /// <exception cref="DdoqException">A class is not chosen yet, or images are missing.</exception>
    public void Join(StageFolder stage)
    {
        ClassChoice[]? choices = Classes is null ? ClassChoice.ReadAll(stage, ClassNames, Stage) : null;
        DistilledPlan plan = ToPlan(choices);
        string[] missing = [.. Enumerable.Range(0, plan.Count).Where(i => !plan.HasImages(stage.Path, i, 1)).Select(plan.FileName)];
        if (missing.Length > 0)
            throw MissingUnits.Of("image", missing, missing.Length, plan.Count, stage.Path, Stage);
        double DistortionOf(int c) => choices is null ? Classes![c].Distortion : choices[c].Distortion;
        plan.Complete(stage, Rule, Origin, Seed, Device, HasDistortion ? DistortionOf : null);
        new ShareFolder(stage.Path).Remove();
    }
}

/// <summary>The images of one class, one for each prototype.</summary>
/// <param name="Counts">Rows that each stands for; 0 for none.</param>
/// <param name="Masses">Sum of their weights; null when they have none.</param>
/// <param name="Distortion">Of the class.</param>
internal sealed record SetPlanClass(long[] Counts, double[]? Masses, double Distortion)
{
    public PlannedImage[] ToImages(long seed) => [.. Counts.Select((count, k) => new PlannedImage(count, Masses?[k], k, seed))];
}
