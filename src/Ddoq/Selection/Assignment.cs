namespace Ddoq.Selection;

/// <summary>The one-to-one assignment of least total cost: each of K places takes one of M candidates.</summary>
/// <remarks>Shortest augmenting paths with potentials, O(K^2 M), in fp64. Deterministic. Source: R. Jonker and A. Volgenant (1987).</remarks>
internal static class Assignment
{
    /// <summary>Solves it.</summary>
    /// <param name="costs">K x M, row-major, finite.</param>
    /// <param name="places">K, at most M.</param>
    /// <param name="candidates">M.</param>
    /// <returns>The candidate of each place (K).</returns>
    public static int[] Solve(ReadOnlySpan<double> costs, int places, int candidates)
    {
        // Candidate 0 of the working arrays is the one that is being placed; others are shifted by one.
        double[] placePrices = new double[places + 1], prices = new double[candidates + 1], shortest = new double[candidates + 1];
        int[] taker = new int[candidates + 1], before = new int[candidates + 1];
        var isDone = new bool[candidates + 1];
        for (int place = 1; place <= places; place++)
        {
            taker[0] = place;
            int current = 0;
            Array.Fill(shortest, double.PositiveInfinity);
            Array.Clear(isDone);
            do
            {
                isDone[current] = true;
                int from = taker[current], next = 0;
                double least = double.PositiveInfinity;
                for (int c = 1; c <= candidates; c++)
                {
                    if (isDone[c])
                        continue;
                    double reduced = costs[((from - 1) * candidates) + c - 1] - placePrices[from] - prices[c];
                    if (reduced < shortest[c])
                        (shortest[c], before[c]) = (reduced, current);
                    if (shortest[c] < least)
                        (least, next) = (shortest[c], c);
                }

                for (int c = 0; c <= candidates; c++)
                {
                    if (isDone[c])
                    {
                        placePrices[taker[c]] += least;
                        prices[c] -= least;
                    }
                    else
                    {
                        shortest[c] -= least;
                    }
                }

                current = next;
            }
            while (taker[current] != 0);

            while (current != 0)
            {
                taker[current] = taker[before[current]];
                current = before[current];
            }
        }

        var chosen = new int[places];
        for (int c = 1; c <= candidates; c++)
        {
            if (taker[c] != 0)
                chosen[taker[c] - 1] = c - 1;
        }

        return chosen;
    }
}
