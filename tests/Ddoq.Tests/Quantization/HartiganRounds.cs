namespace Ddoq.Tests.Quantization;

/// <summary>
/// Hartigan's moves in rounds, in fp64 from the definition: every row proposes its best move, moves are taken in falling
/// order of gain (then by row) while both of their cells are untouched in the round. The rule every quantiser shares.
/// </summary>
internal static class HartiganRounds
{
    /// <summary>Runs until no move gains; changes the labels and returns the number of moves.</summary>
    public static int Run(double[] rows, int dimension, int[] labels, int centroids)
    {
        int count = labels.Length, moves = 0;
        while (true)
        {
            int[] sizes = new int[centroids];
            double[] means = new double[centroids * dimension];
            foreach (int label in labels)
                sizes[label]++;
            for (int i = 0; i < rows.Length; i++)
                means[(labels[i / dimension] * dimension) + (i % dimension)] += rows[i] / sizes[labels[i / dimension]];
            var proposals = new List<(double Gain, int Row, int To)>();
            for (int i = 0; i < count; i++)
            {
                int from = labels[i];
                if (sizes[from] < 2)
                    continue;
                double best = double.PositiveInfinity;
                int to = -1;
                for (int k = 0; k < centroids; k++)
                {
                    double join = sizes[k] / (sizes[k] + 1.0) * Distance(rows, i, means, k, dimension);
                    if (k != from && join < best)
                    {
                        best = join;
                        to = k;
                    }
                }

                double gain = (sizes[from] / (sizes[from] - 1.0) * Distance(rows, i, means, from, dimension)) - best;
                if (gain > 1e-5 * dimension)
                    proposals.Add((gain, i, to));
            }

            if (proposals.Count == 0)
                return moves;
            moves += Take(proposals, labels);
        }
    }

    /// <summary>Takes the moves of a round in falling order of gain, each only while both of its cells are untouched; returns how many.</summary>
    public static int Take(IEnumerable<(double Gain, int Row, int To)> proposals, int[] labels)
    {
        int moves = 0;
        var touched = new HashSet<int>();
        foreach ((_, int row, int to) in proposals.OrderByDescending(proposal => proposal.Gain).ThenBy(proposal => proposal.Row))
        {
            if (touched.Contains(labels[row]) || touched.Contains(to))
                continue;
            touched.UnionWith([labels[row], to]);
            labels[row] = to;
            moves++;
        }

        return moves;
    }

    private static double Distance(double[] rows, int row, double[] means, int mean, int dimension)
    {
        double sum = 0;
        for (int j = 0; j < dimension; j++)
            sum += Math.Pow(rows[(row * dimension) + j] - means[(mean * dimension) + j], 2);
        return sum;
    }
}
