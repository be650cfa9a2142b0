using System.Globalization;

namespace Ddoq.Bench.Sweep;

/// <summary>One set of images of the sweep.</summary>
/// <param name="Model">Network of the reverse process; empty where none is run.</param>
/// <param name="Source">What the images come from: centres, rows or noise.</param>
/// <param name="AlphaBar">Start level: 1 without diffusion, 0 for pure noise; null for real images.</param>
internal sealed record SweepPoint(string Model, string Source, double? AlphaBar)
{
    public const string Centres = "centres", Rows = "random rows", Noise = "noise", Real = "random real images";

    /// <summary>Name of the set's folder and of its students.</summary>
    public string Name => string.Join('-', new[] { Model, Source.Replace(' ', '-'), AlphaBar?.ToString(CultureInfo.InvariantCulture) ?? string.Empty }.Where(part => part.Length > 0));

    /// <summary>Start level in words.</summary>
    public string Level => AlphaBar switch
    {
        null => "-",
        1 => "1 (no diffusion)",
        0 => "pure noise",
        { } level => level.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>The points of a sweep: the whole curve from the centres, some of it from random rows, and the controls.</summary>
    public static List<SweepPoint> All(IReadOnlyList<string> models, IReadOnlyList<double> levels, IReadOnlyList<double> rowLevels)
    {
        var points = new List<SweepPoint> { new(string.Empty, Real, null), new(string.Empty, Rows, 1), new(string.Empty, Centres, 1) };
        foreach (string model in models)
        {
            points.AddRange(levels.Select(level => new SweepPoint(model, Centres, level)));
            points.Add(new(model, Noise, 0));
            points.AddRange(rowLevels.Select(level => new SweepPoint(model, Rows, level)));
        }

        return points;
    }
}
