using Ddoq.Numerics;

namespace Ddoq.Selection;

/// <summary>The choices that take one candidate after the other and keep it: herding, k-center, random.</summary>
internal static unsafe class GreedyChoices
{
    /// <summary>Each next candidate brings the mean of the chosen nearest to that of the rows; the lowest among equals.</summary>
    /// <returns>The squared distance of the two means.</returns>
    public static double Herd(SelectionProblem problem, Span<int> chosen)
    {
        int count = problem.CandidateCount;
        double[] withMean = new double[count], withSum = new double[count];
        double meanNorm = problem.MeanProducts(withMean), sumNorm = 0, sumWithMean = 0, gap = 0;
        var isChosen = new bool[count];
        for (int n = 1; n <= chosen.Length; n++)
        {
            // |(S + x) / n - mean|^2
            int best = -1;
            double least = double.PositiveInfinity;
            for (int c = 0; c < count; c++)
            {
                double sum = sumNorm + (2 * withSum[c]) + problem.Norm(c);
                double value = (sum / ((double)n * n)) - (2 * (sumWithMean + withMean[c]) / n) + meanNorm;
                if (value < least && !isChosen[c])
                    (best, least) = (c, value);
            }

            gap = least;
            isChosen[best] = true;
            chosen[n - 1] = best;
            sumNorm += (2 * withSum[best]) + problem.Norm(best);
            sumWithMean += withMean[best];
            float* among = problem.Among(best);
            for (int c = 0; c < count; c++)
                withSum[c] += (problem.Norm(best) + (double)problem.Norm(c) - among[c]) / 2;
        }

        return Math.Max(0, gap);
    }

    /// <summary>Each next candidate is the farthest from the chosen ones, behind a first one; the lowest among equals.</summary>
    /// <returns>The distance of the farthest candidate to the nearest chosen one.</returns>
    public static double Spread(SelectionProblem problem, Span<int> chosen, int first)
    {
        int count = problem.CandidateCount, next = first;
        var nearest = new float[count];
        Array.Fill(nearest, float.PositiveInfinity);
        for (int n = 0; n < chosen.Length; n++)
        {
            chosen[n] = next;
            float* among = problem.Among(next);
            for (int c = 0; c < count; c++)
                nearest[c] = Math.Min(nearest[c], among[c]);

            // Below zero for good: equal candidates are at 0 too.
            nearest[next] = -1;
            for (int c = 0; c < count; c++)
            {
                if (nearest[c] > nearest[next])
                    next = c;
            }
        }

        return Math.Sqrt(Math.Max(0, nearest[next]));
    }

    /// <summary>Distinct candidates drawn uniformly.</summary>
    public static void Draw(int candidates, Span<int> chosen, CounterRandom random)
    {
        int[] order = [.. Enumerable.Range(0, candidates)];
        for (int k = 0; k < chosen.Length; k++)
        {
            int drawn = k + random.NextInt32(candidates - k);
            (order[k], order[drawn]) = (order[drawn], order[k]);
            chosen[k] = order[k];
        }
    }
}
