namespace Ddoq.Quantization;

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
