using CommunityToolkit.HighPerformance;

namespace Ddoq.Quantization;

/// <summary>The quantisation of one class. Arrays are owned by the receiver.</summary>
public sealed class ClassQuantization
{
    /// <summary>The class, 0-based.</summary>
    public required int ClassIndex { get; init; }

    /// <summary>Rows of the class (N).</summary>
    public required int RowCount { get; init; }

    /// <summary>Values per row (D).</summary>
    public required int Dimension { get; init; }

    /// <summary>Centres asked for (K).</summary>
    public required int RequestedCentroidCount { get; init; }

    /// <summary>Centres of this class (K_c): K, or the rows of the fit (with weight) if there are fewer.</summary>
    public required int CentroidCount { get; init; }

    /// <summary>K_c x D, row-major, in the coordinates of the latents.</summary>
    public required float[] Centroids { get; init; }

    /// <summary>The centres as a matrix [K_c, D], in place.</summary>
    public ReadOnlySpan2D<float> CentroidRows() => new ReadOnlySpan<float>(Centroids).AsSpan2D(CentroidCount, Dimension);

    /// <summary>Rows nearest to each centre (K_c), over all N rows; they sum to N.</summary>
    public required long[] Counts { get; init; }

    /// <summary>
    /// Sum of the sample weights of the rows nearest to each centre (K_c), over all N rows; null when the rows have no weights.
    /// </summary>
    public double[]? Masses { get; init; }

    /// <summary>Nearest centre of each row (N), the lowest index among equals.</summary>
    public required int[] Labels { get; init; }

    /// <summary>
    /// Mean squared distance of the rows of the fit to their nearest centre, in fp64 from the fp32 centres: G(x) of the
    /// DDOQ paper, which is the squared 2-Wasserstein distance to the centres under Voronoi weights (eq. 16). The mean is
    /// weighted where rows have weights.
    /// </summary>
    public required double Distortion { get; init; }

    /// <summary>Sum of the sample weights of the rows of the fit; null when the rows have no weights.</summary>
    public double? FitMass { get; init; }

    /// <summary>
    /// Energy distance of the rows of the fit, by their weights, and the centres at equal weights:
    /// <c>2 E|X - Z| - E|X - X'| - E|Z - Z'|</c>, 0 where both are the same measure; null where the iterations ran without a Gram
    /// matrix, which gives it away. <see cref="EnergyTerms"/> measures it for any points.
    /// </summary>
    public double? EnergyDistance { get; init; }

    /// <summary>The distortion over the rows that were held out of the fit; null when none were.</summary>
    public double? HeldOutDistortion { get; init; }

    /// <summary>Rows held out of the fit.</summary>
    public int HeldOutRowCount { get; init; }

    /// <summary>Rows of sample weight 0: they take no part in the fit and only get labels.</summary>
    public int WeightlessRowCount { get; init; }

    /// <summary>Companion weights of CLVQ (K_c; they sum to 1); null for other algorithms.</summary>
    public double[]? CompanionWeights { get; init; }

    /// <summary>
    /// What the algorithm itself counted per centre (K_c): rows taken by D4M and mini-batch, after any reassignment, and
    /// wins of CLVQ; null for other algorithms, and for D4M and mini-batch where rows have weights.
    /// </summary>
    public long[]? RunningCounts { get; init; }

    /// <summary>Sample weights taken per centre by D4M and mini-batch (K_c), after any reassignment; null without weights.</summary>
    public double[]? RunningMasses { get; init; }

    /// <summary>Lloyd iterations plus Hartigan rounds, or batches, or CLVQ steps of the run that was kept.</summary>
    public required long IterationCount { get; init; }

    /// <summary>Rows moved by Hartigan's test.</summary>
    public long MoveCount { get; init; }

    /// <summary>Centres nearest to no row; more than 0 only with equal rows or after a stream algorithm.</summary>
    public required int EmptyCells { get; init; }

    /// <summary>(sum v)^2 / sum v^2 of the masses, or of the counts without weights: K_c when all cells are equal. 0 for a class without rows.</summary>
    public required double EffectiveCells { get; init; }

    /// <summary>The coordinates used.</summary>
    public required QuantizationSpace Space { get; init; }

    /// <summary>Wall time of this class in seconds, reading included.</summary>
    public required double Seconds { get; init; }
}

/// <summary>What each centre of a class holds in the end, over all rows.</summary>
/// <param name="centroids">K.</param>
/// <param name="rows">N.</param>
/// <param name="weights">Weight of each row; empty without weights.</param>
internal readonly ref struct ClassTally(int centroids, int rows, ReadOnlySpan<float> weights)
{
    private readonly ReadOnlySpan<float> _weights = weights;

    /// <summary>Nearest centre of each row (N).</summary>
    public int[] Labels { get; } = new int[rows];

    /// <summary>Rows of each centre (K).</summary>
    public long[] Counts { get; } = new long[centroids];

    /// <summary>Sum of the weights of each centre's rows (K); null without weights.</summary>
    public double[]? Masses { get; } = weights.IsEmpty ? null : new double[centroids];

    /// <summary>Gives a row to a centre; returns its weight, 1 without weights.</summary>
    public double Add(int row, int label)
    {
        Labels[row] = label;
        Counts[label]++;
        if (Masses is null)
            return 1;
        Masses[label] += _weights[row];
        return _weights[row];
    }

    /// <summary>(sum v)^2 / sum v^2 of the masses, or of the counts without weights.</summary>
    public double EffectiveCells()
    {
        double sum = 0, squares = 0;
        for (int k = 0; k < Counts.Length; k++)
        {
            double mass = Masses is null ? Counts[k] : Masses[k];
            sum += mass;
            squares += mass * mass;
        }

        return sum * sum / squares;
    }
}
