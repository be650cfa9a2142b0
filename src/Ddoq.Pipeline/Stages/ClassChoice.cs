using System.Globalization;
using Ddoq.Selection;

namespace Ddoq.Pipeline.Stages;

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

    /// <summary>Chooses for every class that has no file yet, on the stage's workers, and returns the choices, null for other classes.</summary>
    /// <param name="stage">The stage; files are in its folder <c>classes</c>.</param>
    /// <param name="classes">C.</param>
    /// <param name="own">The classes to choose for.</param>
    /// <param name="choose">Chooses for one class; called from many threads.</param>
    /// <param name="imageOf">The image of a chosen one.</param>
    /// <param name="context">Workers, progress, cancellation.</param>
    public static ClassChoice?[] ForEach(
        Storage.StageFolder stage, int classes, IReadOnlySet<int> own, Func<int, ClassSelection> choose, ImageOf imageOf, StageContext context)
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

        return choices;
    }

    /// <summary>Reads what was chosen for all classes.</summary>
    /// <exception cref="DdoqException">A class's file is missing or damaged.</exception>
    public static ClassChoice[] ReadAll(Storage.StageFolder stage, IReadOnlyList<string> classNames, string command)
    {
        ClassChoice?[] choices = [.. classNames.Select((_, c) => TryRead(stage, c))];
        string[] missing = [.. classNames.Where((_, c) => choices[c] is null).Select((name, _) => $"'{name}'")];
        return missing.Length == 0 ? [.. choices.OfType<ClassChoice>()] : throw MissingUnits.Of("class", missing, missing.Length, classNames.Count, stage.Path, command);
    }

    /// <summary>What stands for a class of another share: so many images, without anything known of them.</summary>
    public static ClassChoice Unknown(int count) => new(new int[count], 0, 0, null, [.. Enumerable.Range(0, count).Select(k => new PlannedImage(0, null, k, 0))]);

    private static ClassChoice? TryRead(Storage.StageFolder stage, int c)
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

    private static string PathOf(Storage.StageFolder stage, int c) => stage.PathOf("classes", string.Create(CultureInfo.InvariantCulture, $"{c:D5}.json"));
}
