namespace Ddoq.Selection;

/// <summary>K candidates of least energy distance to the rows: greedy choice, then swaps.</summary>
/// <remarks>
/// With a_c the mean distance of candidate c to the rows, S the chosen and <c>r_c = sum of |z_c - z_s| over S</c>, the energy up
/// to the rows' own part is <c>2/K sum a_s - 1/K^2 sum r_s</c>. Adding c as the (n+1)th is best where <c>(n + 1) a_c - r_c</c> is
/// least, and putting c in the place of s changes the energy by <c>2/K^2 [(K a_c - r_c + |z_c - z_s|) - (K a_s - r_s)]</c>: a swap is judged in
/// O(1). Each slot in turn takes its best candidate until a whole sweep changes nothing; among equals the lowest candidate.
/// </remarks>
internal static unsafe class EnergySearch
{
    // Gains below this fraction of the mean distance are rounding of fp32 distances.
    private const double RelativeZero = 1e-6;

    /// <summary>Improves a start; or fills it greedily behind a first one.</summary>
    /// <returns>The energy up to the rows' own part, and swaps made.</returns>
    public static (double Energy, int Swaps) Run(SelectionProblem problem, ReadOnlySpan<double> means, Span<int> chosen, int? first, int maxSweeps, CancellationToken cancellation)
    {
        int count = problem.CandidateCount, k = chosen.Length;
        var sums = new double[count];
        var isChosen = new bool[count];
        if (first is { } start)
        {
            Choose(problem, sums, isChosen, start, +1);
            chosen[0] = start;
            for (int n = 1; n < k; n++)
            {
                int best = -1;
                double least = double.PositiveInfinity;
                for (int c = 0; c < count; c++)
                {
                    double value = ((n + 1) * means[c]) - sums[c];
                    if (value < least && !isChosen[c])
                        (best, least) = (c, value);
                }

                Choose(problem, sums, isChosen, best, +1);
                chosen[n] = best;
            }
        }
        else
        {
            foreach (int c in chosen)
                Choose(problem, sums, isChosen, c, +1);
        }

        int swaps = 0;
        for (int sweep = 0, changed = 1; sweep < maxSweeps && changed > 0; sweep++)
        {
            changed = 0;
            for (int slot = 0; slot < k; slot++)
            {
                cancellation.ThrowIfCancellationRequested();
                int old = chosen[slot], best = -1;
                double least = (k * means[old]) - sums[old] - (RelativeZero * k * means[old]);
                float* among = problem.Among(old);
                float zero = problem.ZeroDistance;
                for (int c = 0; c < count; c++)
                {
                    double bare = (k * means[c]) - sums[c];
                    if (bare >= least || isChosen[c])
                        continue;
                    double value = bare + (among[c] < zero ? 0 : Math.Sqrt(among[c]));
                    if (value < least)
                        (best, least) = (c, value);
                }

                if (best < 0)
                    continue;
                Choose(problem, sums, isChosen, old, -1);
                Choose(problem, sums, isChosen, best, +1);
                chosen[slot] = best;
                changed++;
            }

            swaps += changed;
        }

        double toRows = 0, between = 0;
        foreach (int s in chosen)
        {
            toRows += means[s];
            foreach (int other in chosen)
                between += problem.Distance(s, other);
        }

        return ((2 * toRows / k) - (between / ((double)k * k)), swaps);
    }

    private static void Choose(SelectionProblem problem, double[] sums, bool[] isChosen, int candidate, int sign)
    {
        isChosen[candidate] = sign > 0;
        float* among = problem.Among(candidate);
        float zero = problem.ZeroDistance;
        for (int c = 0; c < sums.Length; c++)
        {
            if (among[c] >= zero)
                sums[c] += sign * Math.Sqrt(among[c]);
        }
    }
}
