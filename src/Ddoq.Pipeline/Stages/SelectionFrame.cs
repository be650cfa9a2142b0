using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Pipeline.Configuration;
using Ddoq.Selection;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>What selections among real images and among candidates do alike: centres, the stage's folder, shares, and the end.</summary>
internal static class SelectionFrame
{
    public const string Name = "select";
    private const string CentresFolder = "centres";

    /// <summary>Chooses for the classes of a share, and writes their images.</summary>
    public delegate void ShareWriter(SetPlan plan, PrototypeSet? centres, StageFolder stage, StageContext own);

    /// <summary>Runs a selection into a folder, or finds it complete there.</summary>
    /// <param name="options">Objective, number, weights.</param>
    /// <param name="latents">Latent store of the data.</param>
    /// <param name="store">The same, opened.</param>
    /// <param name="inputs">What shapes the result beside objective and store.</param>
    /// <param name="source">Origin for the card, seed, and what computes the images.</param>
    /// <param name="output">Folder of the distilled set.</param>
    /// <param name="context">Progress, workers, cancellation.</param>
    /// <param name="prepare">Whatever may refuse, before the folder is touched; not called where the result is there.</param>
    /// <param name="write">Does a share.</param>
    /// <returns>Whether the set is complete.</returns>
    public static bool Run(
        SelectOptions options, string latents, LatentStore store, IReadOnlyDictionary<string, string> inputs, (string Origin, ulong Seed, string Device) source, string output, StageContext context, Action prepare, ShareWriter write)
    {
        string? prototypes = Centres(options, latents, output, context);
        var settings = new Dictionary<string, string>(options.Describe()) { ["latents"] = StageIdentity.OfLatents(latents, store, context.Cancellation) };
        foreach ((string key, string value) in inputs)
            settings[key] = value;
        if (prototypes is not null)
            settings["prototypes"] = StageIdentity.Of(prototypes);
        using PrototypeSet? centres = prototypes is null ? null : OpenCentres(prototypes, store);
        if (!context.Finds(output, Name, settings))
            prepare();
        using StageFolder stage = context.Open(output, Name, settings);
        string weights = SynthesizeSettings.Weights.Show(options.Weights ?? options.Rule.Weights);
        if (stage.IsComplete && DistilledPlan.WeightsOf(output) == weights)
        {
            context.Progress.Message($"select: complete in {output}");
            return true;
        }

        var plan = new SetPlan(Name, store.ClassNames, weights, source.Origin, source.Seed, source.Device, Classes: null, HasDistortion: true);
        if (!stage.IsComplete && !ShareWork.Run(output, context, plan, own => write(plan, centres, stage, own)))
        {
            ShareWork.TellDone(Name, context);
            return false;
        }

        plan.Join(stage);
        return true;
    }

    /// <summary>The prototypes that the rule needs: those given, or made by it in a folder of the output; null where it needs none.</summary>
    private static string? Centres(SelectOptions options, string latents, string output, StageContext context)
    {
        if (options.OwnCentres is not { } own || options.Prototypes is not null)
            return options.OwnCentres is null ? null : options.Prototypes;
        if (context.Share.IsPartial)
            throw new UsageException($"--shard: the objective '{options.Rule.Name}' needs centres, which every share would make anew", "Run 'ddoq quantize' in shares, merge, and give its prototypes with --prototypes.");
        QuantizeStage.Run(own, latents, Path.Combine(output, CentresFolder), context);
        return Path.Combine(output, CentresFolder, PrototypeSet.FileName);
    }

    /// <summary>Opens prototypes of the classes of a store.</summary>
    /// <exception cref="DdoqException">They are not usable, or of other classes or another shape.</exception>
    private static PrototypeSet OpenCentres(string prototypes, LatentStore store)
    {
        PrototypeSet centres = PrototypeSet.Load(prototypes);
        if (centres.ClassNames.SequenceEqual(store.ClassNames) && centres.Shape == store.Shape)
            return centres;
        centres.Dispose();
        throw new DdoqException($"the prototypes {prototypes} are of other classes or another shape than the latents", "Give prototypes that were made from these latents.");
    }
}

/// <summary>What was chosen for one class; a file of it is the unit in which a selection resumes.</summary>
/// <param name="Chosen">The chosen ones, by their index among all.</param>
/// <param name="Distortion">Mean squared distance of the data's rows to the nearest chosen one.</param>
/// <param name="Objective">The engine's figure of what was made small.</param>
/// <param name="EnergyDistance">Energy distance of the data's rows and the chosen at equal weights.</param>
/// <param name="Images">The image of each chosen one: whence, and how many rows of the data are nearest to it.</param>
internal sealed record ClassChoice(int[] Chosen, double Distortion, double Objective, double? EnergyDistance, PlannedImage[] Images)
{
    /// <summary>The image of a chosen one.</summary>
    /// <param name="c">The class.</param>
    /// <param name="chosen">The chosen one, by its index among all.</param>
    /// <param name="k">Its number among the chosen.</param>
    /// <param name="count">Rows of the data nearest to it.</param>
    /// <param name="mass">Sum of their weights; null when rows have none.</param>
    public delegate PlannedImage ImageOf(int c, int chosen, int k, long count, double? mass);

    /// <summary>Chooses for every class that has no file yet, on the stage's workers, and returns the choices; those of other shares as far as names of files need them.</summary>
    /// <param name="stage">The stage; files are in its folder <c>classes</c>.</param>
    /// <param name="classes">C.</param>
    /// <param name="own">The classes to choose for.</param>
    /// <param name="countOf">How many a class keeps, which is known without choosing.</param>
    /// <param name="choose">Chooses for one class; called from many threads.</param>
    /// <param name="imageOf">The image of a chosen one.</param>
    /// <param name="context">Workers, progress, cancellation.</param>
    public static ClassChoice[] ForEach(
        StageFolder stage, int classes, IReadOnlySet<int> own, Func<int, int> countOf, Func<int, ClassSelection> choose, ImageOf imageOf, StageContext context)
    {
        Directory.CreateDirectory(stage.PathOf("classes"));
        var choices = new ClassChoice?[classes];
        foreach (int c in own)
            choices[c] = TryRead(stage, c);
        int[] open = [.. own.Where(c => choices[c] is null).Order()];
        context.Progress.Begin("select", own.Count, "classes", own.Count - open.Length);
        try
        {
            context.ForEach(open.Length, () => new MemoryStream(), (i, _) =>
            {
                int c = open[i];
                ClassSelection found = choose(c);
                PlannedImage[] images = [.. found.Chosen.Select((chosen, k) => imageOf(c, chosen, k, found.Masses.Counts[k], found.Masses.Masses?[k]))];
                choices[c] = new ClassChoice(found.Chosen, found.Masses.Distortion, found.Objective, found.EnergyDistance, images);
                ResultFiles.Write(PathOf(stage, open[i]), choices[open[i]]);
                context.Progress.Advance(1);
            });
        }
        finally
        {
            context.Progress.End();
        }

        return [.. choices.Select((choice, c) => choice ?? Unknown(countOf(c)))];
    }

    /// <summary>Reads what was chosen for all classes.</summary>
    /// <exception cref="DdoqException">A class's file is missing or damaged.</exception>
    public static ClassChoice[] ReadAll(StageFolder stage, IReadOnlyList<string> classNames, string command)
    {
        ClassChoice?[] choices = [.. classNames.Select((_, c) => TryRead(stage, c))];
        string[] missing = [.. classNames.Where((_, c) => choices[c] is null).Select((name, _) => $"'{name}'")];
        return missing.Length == 0 ? [.. choices.OfType<ClassChoice>()] : throw MissingUnits.Of("class", missing, missing.Length, classNames.Count, stage.Path, command);
    }

    // Names of files follow from the numbers of images of all classes.
    private static ClassChoice Unknown(int count) => new(new int[count], 0, 0, null, [.. Enumerable.Range(0, count).Select(k => new PlannedImage(0, null, k, 0))]);

    private static ClassChoice? TryRead(StageFolder stage, int c)
    {
        string file = PathOf(stage, c);
        try
        {
            return File.Exists(file) ? ResultFiles.Read<ClassChoice>(file) : null;
        }
        catch (DdoqException)
        {
            // Cut short by a power failure: chosen again.
            return null;
        }
    }

    private static string PathOf(StageFolder stage, int c) => stage.PathOf("classes", string.Create(CultureInfo.InvariantCulture, $"{c:D5}.json"));
}
