using Ddoq.Numerics;

namespace Ddoq.Quantization.Algorithms;

/// <summary>Competitive learning vector quantisation (Algorithm 2 of the DDOQ paper).</summary>
/// <remarks>
/// Step t draws a row with replacement, finds its nearest centre, moves that centre by <c>g</c> towards the row and every
/// companion weight by <c>w = (1 - g) w + g [winner]</c>, from w = 1/K. Row t is <c>floor(u N / 2^32)</c> of the first
/// word u of Philox block t of the sampling stream: any step can be drawn without the ones before, and the bias is below
/// N / 2^32. With weights it is the first row whose running sum of weights exceeds u times their total, u of 53 bits from
/// the first two words, found by bisection in running sums made once per run (fp64).
/// </remarks>
internal static class ClvqSteps
{
    /// <summary>Runs it.</summary>
    public static AlgorithmOutcome Run(FitContext context)
    {
        int rows = context.Space.RowCount;
        int centroids = context.Space.CentroidCount;
        FirstCentroids.Place(context, rows);
        var wins = new long[centroids];
        var companion = new double[centroids];
        Array.Fill(companion, 1.0 / centroids);
        ClvqStepRule rule = context.Options.ClvqSteps;
        ulong stream = RandomStreams.Of(context.ClassIndex, RandomPurpose.Sampling, context.Restart);
        ReadOnlySpan<double> runningSums = SumWeights(context);
        Span<int> row = context.Batch(1);
        Span<int> label = context.BatchLabels(1);
        Span<float> distance = context.BatchDistances(1);

        // All companion weights shrink at every step: their common factor is kept apart.
        double factor = 1;
        long steps = (long)context.Options.Passes * rows;
        for (long t = 0; t < steps; t++)
        {
            if ((t & 255) == 0)
                context.Cancellation.ThrowIfCancellationRequested();
            row[0] = runningSums.IsEmpty
                ? (int)(((ulong)CounterRandom.Block(context.Options.Seed, stream, (ulong)t).X * (ulong)rows) >> 32)
                : DrawByWeight(runningSums, context.Options.Seed, stream, (ulong)t);
            context.Space.Assign(row, label, distance);
            int winner = label[0];
            wins[winner]++;
            double rate, companionRate;
            if (rule.IsCounting)
            {
                rate = 1.0 / (wins[winner] + 1);
                companionRate = 1.0 / (centroids + t + 1);
            }
            else
            {
                rate = companionRate = rule.Scale / (rule.Offset + t + 1);
            }

            context.Space.Step(winner, row[0], rate);
            if (companionRate >= 1)
            {
                Array.Clear(companion);
                companion[winner] = 1;
                factor = 1;
                continue;
            }

            factor *= 1 - companionRate;
            companion[winner] += companionRate / factor;
            if (factor < 1e-100)
                factor = Fold(companion, factor);
        }

        Fold(companion, factor);
        return new AlgorithmOutcome(steps, RunningCounts: wins, CompanionWeights: companion);
    }

    private static ReadOnlySpan<double> SumWeights(FitContext context)
    {
        ReadOnlySpan<float> weights = context.Space.Weights;
        Span<double> sums = context.RunningSums(weights.Length);
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
            sums[i] = sum += weights[i];
        return sums;
    }

    private static int DrawByWeight(ReadOnlySpan<double> runningSums, ulong seed, ulong stream, ulong step)
    {
        (uint x, uint y, _, _) = CounterRandom.Block(seed, stream, step);
        double target = (((ulong)(x >> 5) << 26) | (y >> 6)) * (1.0 / (1UL << 53)) * runningSums[^1];
        int low = 0, high = runningSums.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (runningSums[middle] > target)
                high = middle;
            else
                low = middle + 1;
        }

        return low;
    }

    private static double Fold(Span<double> weights, double factor)
    {
        foreach (ref double weight in weights)
            weight *= factor;
        return 1;
    }
}
