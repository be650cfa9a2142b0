namespace Ddoq.Selection;

/// <summary>What makes a choice of K candidates a good one.</summary>
public enum SelectionObjective
{
    /// <summary>
    /// The least energy distance to the rows at equal weights, <c>2 E|X - Z| - E|X - X'| - E|Z - Z'|</c>: greedy choice, then
    /// swaps until none lowers it.
    /// </summary>
    Energy,

    /// <summary>
    /// The least mean squared distance of the rows to their nearest chosen candidate, which is W2^2 under Voronoi weights:
    /// k-medoids with candidates as facilities and rows as clients, by greedy choice and swaps.
    /// </summary>
    Wasserstein,

    /// <summary>A candidate for each of K given centres, no candidate twice, with the least sum of squared distances; the order is that of the centres.</summary>
    Nearest,

    /// <summary>Herding: each next candidate brings the mean of the chosen ones nearest to the mean of the rows (Welling 2009). The same for every seed.</summary>
    Herding,

    /// <summary>k-center: each next candidate is the one farthest from those chosen, the first a drawn one (Gonzalez 1985).</summary>
    KCenter,

    /// <summary>Uniformly drawn candidates.</summary>
    Random,
}

/// <summary>Settings of a selection; the same for every class.</summary>
public sealed record SelectionOptions
{
    /// <summary>Candidates to keep per class (K). A class with fewer usable candidates keeps them all, and says so.</summary>
    public required int Count { get; init; }

    /// <summary>What is sought.</summary>
    public SelectionObjective Objective { get; init; } = SelectionObjective.Energy;

    /// <summary>Seed of random choices and of samples of large classes; each class draws from streams of its own.</summary>
    public ulong Seed { get; init; }

    /// <summary>
    /// Starts of <see cref="SelectionObjective.Energy"/> and <see cref="SelectionObjective.Wasserstein"/>: the first is greedy behind a drawn candidate, the
    /// others are random, and the lowest objective is kept.
    /// </summary>
    public int Starts { get; init; } = 1;

    /// <summary>Most sweeps over the chosen (energy) or the candidates (Wasserstein) of a start.</summary>
    public int MaxSweeps { get; init; } = 100;

    /// <summary>
    /// Whether <see cref="ClassSelection.EnergyDistance"/> is measured: its part of the rows alone costs as much as their Gram
    /// matrix where the candidates are other points.
    /// </summary>
    public bool MeasureEnergyDistance { get; init; } = true;

    /// <summary>Checks every setting.</summary>
    /// <exception cref="UsageException">A value is outside its range; the message names the setting, its value and the range.</exception>
    public void Validate()
    {
        Positive(Count, nameof(Count));
        Positive(Starts, nameof(Starts));
        Positive(MaxSweeps, nameof(MaxSweeps));
        if (!Enum.IsDefined(Objective))
            throw new UsageException($"{nameof(Objective)} is {Objective}; allowed: {string.Join(", ", Enum.GetNames<SelectionObjective>())}.");
    }

    private static void Positive(int value, string name)
    {
        if (value < 1)
            throw new UsageException($"{name} is {value}; allowed: 1 or more.");
    }
}

/// <summary>The candidates chosen for one class. Arrays are owned by the receiver.</summary>
public sealed class ClassSelection
{
    /// <summary>The class, 0-based.</summary>
    public required int ClassIndex { get; init; }

    /// <summary>Candidates asked for (K).</summary>
    public required int RequestedCount { get; init; }

    /// <summary>Candidates that could be chosen.</summary>
    public required int EligibleCount { get; init; }

    /// <summary>
    /// The chosen candidates, by their index among all: K, or all eligible ones if there are fewer. Rising, but in the order of the
    /// centres for <see cref="SelectionObjective.Nearest"/>.
    /// </summary>
    public required int[] Chosen { get; init; }

    /// <summary>What each chosen candidate stands for among the rows.</summary>
    public required PointMasses Masses { get; init; }

    /// <summary>
    /// What was made small: <c>2 E|X - Z| - E|Z - Z'|</c> (energy), mean squared distance to the nearest (Wasserstein), sum of
    /// squared distances to the centres (nearest), squared distance of the means (herding), distance of the farthest candidate
    /// to the nearest chosen one (k-center); 0 (random). Of a sample, where the class was searched through one.
    /// </summary>
    public required double Objective { get; init; }

    /// <summary>Energy distance of the rows, by their weights, and the chosen at equal weights; null when it was not asked for.</summary>
    public double? EnergyDistance { get; init; }

    /// <summary>Swaps that lowered the objective of the start that was kept.</summary>
    public int SwapCount { get; init; }

    /// <summary>Wall time in seconds, reading included.</summary>
    public required double Seconds { get; init; }
}
