using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Pipeline.Configuration;
using Ddoq.Quantization;
using Ddoq.Selection;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>Candidates to a distilled set: keeps K of each class by what their latents are to the rows of the class, decodes them, and counts the weights anew.</summary>
/// <remarks>
/// A class with fewer rows than K keeps as many images as it has rows. Resumes class by class, then image by image; the bytes do not depend on
/// workers or interruptions. Memory is bounded by workers times the largest class, its candidates and their distances.
/// </remarks>
public static class CandidateStage
{
    /// <summary>Runs the stage into a folder, or finds it complete there.</summary>
    /// <param name="options">Objective, number, least confidence, where the candidates' latents come from.</param>
    /// <param name="candidates">Folder of the candidates.</param>
    /// <param name="latents">Latent store of the data.</param>
    /// <param name="output">Folder of the distilled set.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <returns>Whether the set is complete: a share completes it when it finds all others done in the same folder.</returns>
    /// <exception cref="DdoqException">Candidates, store, model, teacher or output folder are not usable, or do not belong together.</exception>
    public static bool Run(SelectOptions options, string candidates, string latents, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        return Run(options, CandidateSet.Open(candidates), candidates, latents, output, context);
    }

    /// <summary>The same with candidates that are open.</summary>
    internal static bool Run(SelectOptions options, CandidateSet set, string candidates, string latents, string output, StageContext context)
    {
        using LatentStore store = LatentStore.Open(latents);
        RequireSameClasses(set.List, store, candidates, latents);
        using var images = new CandidateImages(options, set, candidates, store, latents);
        var inputs = new Dictionary<string, string>
        {
            ["candidates"] = StageIdentity.Of(candidates),
            [SelectSettings.CandidateLatents.RecordKey] = SelectSettings.CandidateLatents.Show(options.CandidateLatents),
            [RunSettings.Provider.RecordKey] = RunSettings.Provider.Show(options.Provider),
        };
        if (options.MinConfidence > 0)
        {
            inputs[SelectSettings.MinConfidence.RecordKey] = SelectSettings.MinConfidence.Show(options.MinConfidence);
            inputs["teacher"] = ContentHash.OfFolder(images.TeacherFolder);
        }

        return SelectionFrame.Run(
            options,
            latents,
            store,
            inputs,
            ($"{options.Rule.Description}, among {set.List.Origin}", set.List.Seed, options.Provider.ToString()),
            output,
            context,
            () => images.Load(context),
            (plan, centres, stage, own) => WriteShare(options, set, store, centres, images, plan, stage, own));
    }

    /// <summary>Candidates of a class that are kept, where no centres say how many.</summary>
    internal static int CountOf(SelectOptions options, LatentStore store, CandidateList list, int c) =>
        Math.Min(Math.Min(options.Quantize.Quantizer.CentroidCount, store.RowCount(c)), list.CountOf(c));

    /// <summary>Chooses for the classes of a share, and writes their images.</summary>
    private static void WriteShare(
        SelectOptions options, CandidateSet set, LatentStore store, PrototypeSet? centres, CandidateImages images, SetPlan plan, StageFolder stage, StageContext context)
    {
        IReadOnlySet<int> own = context.Share.Of(store);
        ClassChoice[] choices = Choose(options, set, store, centres, images, own, stage, context);
        images.Write(plan.ToPlan(choices), [.. choices.SelectMany((choice, c) => choice.Chosen.Select(index => (c, index)))], own, stage, context);
    }

    private static ClassChoice[] Choose(
        SelectOptions options, CandidateSet set, LatentStore store, PrototypeSet? centres, CandidateImages images, IReadOnlySet<int> own, StageFolder stage, StageContext context)
    {
        QuantizerOptions quantizer = options.Quantize.Quantizer;
        using var selector = new CandidateSelector();
        return ClassChoice.ForEach(stage, store.ClassNames.Count, own, CountOf, Choose, ImageOf, context);

        int CountOf(int c) => centres?.CenterCount(c) ?? CandidateStage.CountOf(options, store, set.List, c);

        PlannedImage ImageOf(int c, int index, int k, long count, double? mass)
        {
            (int prototype, int candidate) = Math.DivRem(index, set.List.CandidatesPerPrototype);
            return new PlannedImage(count, mass, prototype, (long)set.List.Seed) { Candidate = candidate };
        }

        ClassSelection Choose(int c)
        {
            int candidates = set.List.CountOf(c), rows = store.RowCount(c);
            if (candidates == 0 || rows == 0)
                throw new DdoqException($"class '{store.ClassNames[c]}' has {candidates} candidates and {rows} rows", "Leave the class out (--classes) when you encode, or add images of it.");
            int count = CountOf(c);
            if (count < quantizer.CentroidCount)
                context.Progress.Message($"select: class '{store.ClassNames[c]}' has {rows} rows and {candidates} candidates: {count} are kept instead of {quantizer.CentroidCount}");
            (float[] values, float[]? confidences) = images.Measure(c, context);
            bool[]? eligible = confidences is null ? null : Eligible(confidences, options.MinConfidence, count, store.ClassNames[c], context);
            ClassSelection found = selector.Select(store, c, values, options.For(count), eligible, centres is null ? default : centres.Centroids(c), context.Cancellation);
            store.Release(c);
            return found;
        }
    }

    // Where too few reach the confidence, the most confident make up the number.
    private static bool[] Eligible(float[] confidences, double least, int count, string className, StageContext context)
    {
        bool[] eligible = [.. confidences.Select(confidence => confidence >= least)];
        int reached = eligible.Count(isEligible => isEligible);
        if (reached >= count)
            return eligible;
        context.Progress.Message(string.Create(
            CultureInfo.InvariantCulture, $"select: class '{className}' has {reached} candidates of confidence {least} or more, fewer than {count}: the {count} most confident are kept"));
        foreach (int i in Enumerable.Range(0, confidences.Length).OrderByDescending(i => confidences[i]).ThenBy(i => i).Take(count))
            eligible[i] = true;
        return eligible;
    }

    internal static void RequireSameClasses(CandidateList list, LatentStore store, string candidates, string latents)
    {
        if (!list.ClassNames.SequenceEqual(store.ClassNames))
            throw new DdoqException($"the candidates in {candidates} have other classes than the latents in {latents}", "Give the latents that their prototypes were made from.");
        if (list.Shape != store.Shape)
            throw new DdoqException($"the candidates in {candidates} are {list.Shape}, the latents in {latents} are {store.Shape}", "Give the latents that their prototypes were made from.");
    }
}
