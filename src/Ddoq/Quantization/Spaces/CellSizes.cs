namespace Ddoq.Quantization.Spaces;

/// <summary>What each cell of a partition holds: its rows, and their mass.</summary>
/// <param name="counts">Rows of each cell (K).</param>
/// <param name="masses">Sum of the rows' weights in each cell (K); equal to the counts without weights.</param>
internal readonly ref struct CellSizes(Span<int> counts, Span<double> masses)
{
    /// <summary>Rows of each cell (K).</summary>
    public readonly Span<int> Counts = counts;

    /// <summary>Sum of the rows' weights in each cell (K).</summary>
    public readonly Span<double> Masses = masses;

    /// <summary>Measures the cells.</summary>
    /// <param name="labels">Cell of each row (N).</param>
    /// <param name="weights">Weight of each row (N); empty when all are 1.</param>
    public void Measure(ReadOnlySpan<int> labels, ReadOnlySpan<float> weights)
    {
        Counts.Clear();
        foreach (int label in labels)
            Counts[label]++;
        if (weights.IsEmpty)
        {
            for (int k = 0; k < Counts.Length; k++)
                Masses[k] = Counts[k];
            return;
        }

        Masses.Clear();
        for (int i = 0; i < labels.Length; i++)
            Masses[labels[i]] += weights[i];
    }

    /// <summary>Moves a row from one cell to another.</summary>
    public void Move(int from, int to, double weight)
    {
        Counts[from]--;
        Counts[to]++;
        Masses[from] -= weight;
        Masses[to] += weight;
    }
}
