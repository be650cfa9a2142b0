namespace Ddoq.Quantization.Algorithms;

/// <summary>Lloyd's iteration (Algorithm 3 of the DDOQ paper) and, on request, Hartigan's moves after it.</summary>
/// <remarks>
/// A cell without rows takes the row with the largest distance to its centre from the cells of two rows or more (the
/// lowest row among equals), which lowers the distortion; when no row lies off its centre, which takes fewer distinct
/// rows than centres, it stays empty and keeps its centre. The distortion never rises.
/// </remarks>
internal static class LloydIteration
{
    /// <summary>Runs it.</summary>
    /// <param name="context">The run.</param>
    /// <param name="refine">Whether Hartigan's moves follow.</param>
    public static AlgorithmOutcome Run(FitContext context, bool refine)
    {
        FirstCentroids.Place(context, context.Space.RowCount);
        Span<int> labels = context.Labels;
        Span<int> previous = context.PreviousLabels;
        Span<int> counts = context.Counts;
        Span<float> distances = context.Distances;
        double lastDistortion = double.PositiveInfinity;
        long iterations = 0;
        previous.Fill(-1);
        while (iterations < context.Options.MaxIterations)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            context.Space.Assign(labels, distances);
            Count(labels, counts);
            FillEmptyCells(context.Space.ZeroDistance, labels, counts, distances);
            if (labels.SequenceEqual(previous))
                break;
            context.Space.MoveToMeans(labels, counts);
            iterations++;
            labels.CopyTo(previous);
            double distortion = Sum(distances);
            if (context.Options.Tolerance > 0 && lastDistortion - distortion < context.Options.Tolerance * lastDistortion)
                break;
            lastDistortion = distortion;
        }

        if (!refine)
            return new AlgorithmOutcome(iterations, CentroidsAreMeans: true);
        long moveLimit = (long)context.Options.MaxIterations * context.Space.RowCount;
        (long rounds, long moves) = context.Space.Refine(labels, counts, moveLimit, context.Cancellation);
        return new AlgorithmOutcome(iterations + rounds, moves, CentroidsAreMeans: true);
    }

    private static void Count(ReadOnlySpan<int> labels, Span<int> counts)
    {
        counts.Clear();
        foreach (int label in labels)
            counts[label]++;
    }

    private static void FillEmptyCells(float zeroDistance, Span<int> labels, Span<int> counts, Span<float> distances)
    {
        for (int k = 0; k < counts.Length; k++)
        {
            if (counts[k] > 0)
                continue;
            int farthest = -1;
            float largest = zeroDistance;
            for (int i = 0; i < labels.Length; i++)
            {
                if (distances[i] > largest && counts[labels[i]] > 1)
                {
                    largest = distances[i];
                    farthest = i;
                }
            }

            if (farthest < 0)
                return;
            counts[labels[farthest]]--;
            labels[farthest] = k;
            counts[k] = 1;
            distances[farthest] = 0;
        }
    }

    private static double Sum(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
            sum += value;
        return sum;
    }
}
