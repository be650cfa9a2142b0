using Ddoq.Numerics;

namespace Ddoq.Quantization.Algorithms;

/// <summary>Mini-batch k-means on random batches, as scikit-learn's <c>MiniBatchKMeans.fit</c>.</summary>
/// <remarks>
/// Batches are drawn with replacement. It stops when the exponentially smoothed distortion of the batches (weight
/// <c>2 B / (N + 1)</c> for the newest) has not improved for <c>MaxNoImprovement</c> batches, or after
/// <c>MaxIterations * N / B</c> batches. Weights act on the means and the distortion, not on the draw. First centres see all rows, where scikit-learn draws 3 B of them.
/// </remarks>
internal static class MiniBatchFit
{
    /// <summary>Runs it.</summary>
    public static AlgorithmOutcome Run(FitContext context)
    {
        int rows = context.Space.RowCount;
        int size = Math.Min(context.Options.BatchSize, rows);
        FirstCentroids.Place(context, rows);
        var counts = new double[context.Space.CentroidCount];
        var step = new MiniBatchStep(context, counts);
        CounterRandom random = context.Random(RandomPurpose.Sampling);
        Span<int> batch = context.Batch(size);
        long limit = (long)context.Options.MaxIterations * rows / size;
        double newest = Math.Min(1, 2.0 * size / (rows + 1));
        double smoothed = double.NaN, lowest = double.PositiveInfinity;
        int withoutImprovement = 0;
        long taken = 0;
        while (taken < limit)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            for (int i = 0; i < size; i++)
                batch[i] = random.NextInt32(rows);
            double distortion = step.Run(batch) / size;

            // The first batch measures the first centres.
            if (++taken == 1)
                continue;
            smoothed = double.IsNaN(smoothed) ? distortion : (smoothed * (1 - newest)) + (distortion * newest);
            if (smoothed < lowest)
            {
                lowest = smoothed;
                withoutImprovement = 0;
            }
            else if (++withoutImprovement >= context.Options.MaxNoImprovement)
            {
                break;
            }
        }

        return step.Outcome(taken);
    }
}
