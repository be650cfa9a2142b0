using System.Globalization;
using Ddoq.Selection;

namespace Ddoq.Pipeline.Stages;

/// <summary>What was chosen for one class; a file of it is the unit in which a selection resumes.</summary>
/// <param name="Chosen">The chosen ones, by their index among all.</param>
/// <param name="Counts">Rows of the data nearest to each.</param>
/// <param name="Masses">Sum of the sample weights of those rows; null when rows have none.</param>
/// <param name="Distortion">Mean squared distance of the data's rows to the nearest chosen one.</param>
/// <param name="Objective">The engine's figure of what was made small.</param>
/// <param name="EnergyDistance">Energy distance of the data's rows and the chosen at equal weights.</param>
internal sealed record ClassChoice(int[] Chosen, long[] Counts, double[]? Masses, double Distortion, double Objective, double? EnergyDistance)
{
    /// <summary>Chooses for every class that has no file yet, on the stage's workers, and returns all classes' choices.</summary>
    /// <param name="stage">The stage; files are in its folder <c>classes</c>.</param>
    /// <param name="classes">C.</param>
    /// <param name="choose">Chooses for one class; called from many threads.</param>
    /// <param name="context">Workers, progress, cancellation.</param>
    public static ClassChoice[] ForEach(Storage.StageFolder stage, int classes, Func<int, ClassSelection> choose, StageContext context)
    {
        Directory.CreateDirectory(stage.PathOf("classes"));
        var choices = new ClassChoice?[classes];
        for (int c = 0; c < classes; c++)
        {
            string file = PathOf(stage, c);
            if (File.Exists(file))
                choices[c] = ResultFiles.Read<ClassChoice>(file);
        }

        int[] open = [.. Enumerable.Range(0, classes).Where(c => choices[c] is null)];
        context.Progress.Begin("select", classes, "classes", classes - open.Length);
        try
        {
            context.ForEach(open.Length, () => new MemoryStream(), (i, _) =>
            {
                ClassSelection found = choose(open[i]);
                choices[open[i]] = Of(found);
                ResultFiles.Write(PathOf(stage, open[i]), choices[open[i]]);
                context.Progress.Advance(1);
            });
        }
        finally
        {
            context.Progress.End();
        }

        return choices!;
    }

    private static ClassChoice Of(ClassSelection found) =>
        new(found.Chosen, found.Masses.Counts, found.Masses.Masses, found.Masses.Distortion, found.Objective, found.EnergyDistance);

    private static string PathOf(Storage.StageFolder stage, int c) => stage.PathOf("classes", string.Create(CultureInfo.InvariantCulture, $"{c:D5}.json"));
}
