using Ddoq.Quantization.Spaces;

namespace Ddoq.Quantization.Algorithms;

/// <summary>Lloyd's iteration (Algorithm 3 of the DDOQ paper) and, on request, Hartigan's moves after it.</summary>
/// <remarks>
/// A cell without rows takes the row with the largest squared distance to its centre, times its weight, from the cells of two
/// rows or more (the lowest row among equals), which lowers the distortion; when no row lies off its centre, which takes fewer distinct
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
        CellSizes cells = context.Cells;
        ReadOnlySpan<float> weights = context.Space.Weights;
        Span<float> distances = context.Distances;
        double lastDistortion = double.PositiveInfinity;
        long iterations = 0;
        previous.Fill(-1);
        while (iterations < context.Options.MaxIterations)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            context.Space.Assign(labels, distances);
            cells.Measure(labels, weights);
            FillEmptyCells(context.Space.ZeroDistance, labels, cells, distances, weights);
            if (labels.SequenceEqual(previous))
                break;
            context.Space.MoveToMeans(labels, cells);
            iterations++;
            labels.CopyTo(previous);
            double distortion = SquaredDistances.Sum(distances, weights);
            if (context.Options.Tolerance > 0 && lastDistortion - distortion < context.Options.Tolerance * lastDistortion)
                break;
            lastDistortion = distortion;
        }

        if (!refine)
            return new AlgorithmOutcome(iterations, CentroidsAreMeans: true);
        long moveLimit = (long)context.Options.MaxIterations * context.Space.RowCount;
        (long rounds, long moves) = context.Space.Refine(labels, cells, moveLimit, context.Cancellation);
        return new AlgorithmOutcome(iterations + rounds, moves, CentroidsAreMeans: true);
    }

    private static void FillEmptyCells(float zeroDistance, Span<int> labels, CellSizes cells, Span<float> distances, ReadOnlySpan<float> weights)
    {
        Span<int> counts = cells.Counts;
        for (int k = 0; k < counts.Length; k++)
        {
            if (counts[k] > 0)
                continue;
            int farthest = weights.IsEmpty
                ? Farthest(zeroDistance, labels, counts, distances)
                : Farthest(zeroDistance, labels, counts, distances, weights);
            if (farthest < 0)
                return;
            cells.Move(labels[farthest], k, weights.IsEmpty ? 1 : weights[farthest]);
            labels[farthest] = k;
            distances[farthest] = 0;
        }
    }

    private static int Farthest(float zeroDistance, ReadOnlySpan<int> labels, ReadOnlySpan<int> counts, ReadOnlySpan<float> distances)
    {
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

        return farthest;
    }

    private static int Farthest(float zeroDistance, ReadOnlySpan<int> labels, ReadOnlySpan<int> counts, ReadOnlySpan<float> distances, ReadOnlySpan<float> weights)
    {
        int farthest = -1;
        double largest = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            double weighted = (double)weights[i] * distances[i];
            if (distances[i] > zeroDistance && weighted > largest && counts[labels[i]] > 1)
            {
                largest = weighted;
                farthest = i;
            }
        }

        return farthest;
    }
}
