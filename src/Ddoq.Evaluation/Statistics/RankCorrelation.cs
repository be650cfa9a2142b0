namespace Ddoq.Evaluation.Statistics;

/// <summary>Spearman's rank correlation: how well one figure orders items as another does.</summary>
public static class RankCorrelation
{
    /// <summary>The correlation of the ranks, in [-1, 1]; ties share the mean of their ranks.</summary>
    /// <param name="first">n finite figures.</param>
    /// <param name="second">n finite figures of the same items.</param>
    /// <returns>NaN for fewer than two items, or when all figures of one side are equal.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static double Spearman(ReadOnlySpan<double> first, ReadOnlySpan<double> second)
    {
        if (first.Length != second.Length)
            throw new ArgumentException($"{first.Length} figures against {second.Length}; one each per item is needed", nameof(second));
        double[] x = Ranks(first), y = Ranks(second);
        double mean = (x.Length + 1) / 2.0, products = 0, squaresX = 0, squaresY = 0;
        for (int i = 0; i < x.Length; i++)
        {
            products += (x[i] - mean) * (y[i] - mean);
            squaresX += (x[i] - mean) * (x[i] - mean);
            squaresY += (y[i] - mean) * (y[i] - mean);
        }

        return products / Math.Sqrt(squaresX * squaresY);
    }

    private static double[] Ranks(ReadOnlySpan<double> values)
    {
        double[] sorted = values.ToArray();
        int[] order = [.. Enumerable.Range(0, sorted.Length)];
        Array.Sort(sorted, order);
        var ranks = new double[sorted.Length];
        for (int first = 0; first < sorted.Length;)
        {
            int end = first + 1;
            while (end < sorted.Length && sorted[end] == sorted[first])
                end++;
            for (int i = first; i < end; i++)
                ranks[order[i]] = (first + 1 + end) / 2.0;
            first = end;
        }

        return ranks;
    }
}
