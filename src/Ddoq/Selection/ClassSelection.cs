namespace Ddoq.Selection;

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
