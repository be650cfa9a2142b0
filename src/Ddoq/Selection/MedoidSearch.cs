using Ddoq.Numerics.Kernels;

namespace Ddoq.Selection;

/// <summary>K candidates of least mean squared distance to the rows (k-medoids with other facilities than clients): greedy choice, then swaps.</summary>
/// <remarks>
/// A candidate is tried in all K places at once in O(N), from the distances of each row to its nearest and second nearest
/// chosen candidate: a row that the new one serves better gains the same whoever leaves, and losing its nearest costs a row what the
/// second or the new one is farther. The best place is taken at once where it lowers the sum. Sweeps over the candidates end when a
/// whole one has found nothing; among equals the lowest place. Source: E. Schubert and P. Rousseeuw, "Fast and eager k-medoids clustering" (2021).
/// </remarks>
internal static unsafe class MedoidSearch
{
    // Gains below this fraction of the sum are rounding of fp32 distances.
    private const double RelativeZero = 1e-7;

    /// <summary>Improves a start; or fills it greedily behind a first one.</summary>
    /// <returns>The mean squared distance, and swaps made.</returns>
    public static (double MeanSquare, int Swaps) Run(SelectionProblem problem, Span<int> chosen, int? start, int maxSweeps, CancellationToken cancellation)
    {
        // The greedy choice of a single candidate is the best one.
        if (start is not null || chosen.Length == 1)
            Fill(problem, chosen, chosen.Length == 1 ? null : start, cancellation);
        int count = problem.CandidateCount, rows = problem.RowCount, swaps = 0;
        float* weights = problem.Weights;
        var isChosen = new bool[count];
        foreach (int c in chosen)
            isChosen[c] = true;
        var nearest = new int[rows];
        float[] first = new float[rows], second = new float[rows];
        double[] losses = new double[chosen.Length], changes = new double[chosen.Length];
        double sum = Assign(problem, chosen, nearest, first, second, losses);
        if (chosen.Length == 1)
            return (sum / problem.TotalWeight, 0);
        int sinceSwap = 0;
        for (long step = 0; step < (long)maxSweeps * count && sinceSwap < count; step++, sinceSwap++)
        {
            int candidate = (int)(step % count);
            if (candidate % 64 == 0)
                cancellation.ThrowIfCancellationRequested();
            if (isChosen[candidate])
                continue;
            float* distances = problem.ToRows(candidate);
            losses.CopyTo(changes, 0);
            double shared = 0;
            for (int i = 0; i < rows; i++)
            {
                float distance = distances[i];
                if (distance < first[i])
                {
                    double gain = (double)weights[i] * (first[i] - distance);
                    shared -= gain;
                    changes[nearest[i]] -= (double)weights[i] * (second[i] - first[i]);
                }
                else if (distance < second[i])
                {
                    changes[nearest[i]] -= (double)weights[i] * (second[i] - distance);
                }
            }

            int best = 0;
            for (int k = 1; k < changes.Length; k++)
            {
                if (changes[k] < changes[best])
                    best = k;
            }

            if (!(changes[best] + shared < -RelativeZero * sum))
                continue;
            isChosen[chosen[best]] = false;
            isChosen[candidate] = true;
            chosen[best] = candidate;
            sum = Assign(problem, chosen, nearest, first, second, losses);
            sinceSwap = 0;
            swaps++;
        }

        return (sum / problem.TotalWeight, swaps);
    }

    // Each next candidate lowers the sum most.
    private static void Fill(SelectionProblem problem, Span<int> chosen, int? start, CancellationToken cancellation)
    {
        LatentKernels kernels = problem.Kernels;
        int padded = problem.PaddedRows;
        var isChosen = new bool[problem.CandidateCount];
        var nearest = new float[padded];
        Array.Fill(nearest, float.MaxValue);
        fixed (float* near = nearest)
        {
            for (int k = 0; k < chosen.Length; k++)
            {
                cancellation.ThrowIfCancellationRequested();
                int best = k == 0 ? start ?? -1 : -1;
                double least = double.PositiveInfinity;
                for (int c = 0; c < isChosen.Length && (k > 0 || start is null); c++)
                {
                    if (isChosen[c])
                        continue;
                    double sum = kernels.SumOfMinima(near, problem.ToRows(c), problem.Weights, padded);
                    if (sum < least)
                        (best, least) = (c, sum);
                }

                isChosen[best] = true;
                chosen[k] = best;
                kernels.LowerTo(problem.ToRows(best), near, padded);
            }
        }
    }

    // Nearest and second nearest of each row, and what each chosen one saves over the second; returns the weighted sum.
    private static double Assign(SelectionProblem problem, ReadOnlySpan<int> chosen, int[] nearest, float[] first, float[] second, double[] losses)
    {
        Array.Fill(first, float.PositiveInfinity);
        Array.Fill(second, float.PositiveInfinity);
        for (int k = 0; k < chosen.Length; k++)
        {
            float* distances = problem.ToRows(chosen[k]);
            for (int i = 0; i < first.Length; i++)
            {
                float distance = distances[i];
                if (distance < first[i])
                    (second[i], first[i], nearest[i]) = (first[i], distance, k);
                else if (distance < second[i])
                    second[i] = distance;
            }
        }

        Array.Clear(losses);
        double sum = 0;
        for (int i = 0; i < first.Length; i++)
        {
            sum += (double)problem.Weights[i] * first[i];
            losses[nearest[i]] += (double)problem.Weights[i] * (second[i] - first[i]);
        }

        return sum;
    }
}
