using Ddoq.Numerics;
using Ddoq.Quantization.Spaces;

namespace Ddoq.Quantization.Algorithms;

/// <summary>One step of mini-batch k-means with running counts, as scikit-learn's <c>partial_fit</c> takes it.</summary>
/// <remarks>
/// Labels are against the centres before the step; then <c>centre = (count * centre + sum of rows) / (count + rows)</c>, where
/// rows count as their weights (<c>sample_weight</c>), so that a count is a mass.
/// Every 10 K rows, or while a centre has seen no row, centres with a count below <c>ratio * max count</c>, at most
/// half a batch of them (the lowest counts, then the lowest indices), go to distinct random rows of the batch and take
/// the lowest count of the others.
/// </remarks>
internal sealed class MiniBatchStep(FitContext context, double[] counts)
{
    private readonly int[] _reassigned = new int[counts.Length];
    private CounterRandom _random = context.Random(RandomPurpose.Reassignment);
    private long _rowsSinceReassignment;

    /// <summary>Takes one step.</summary>
    /// <param name="rows">The batch; a row may occur more than once. Its order is kept.</param>
    /// <returns>The weighted sum of squared distances to the centres before the step.</returns>
    public double Run(ReadOnlySpan<int> rows)
    {
        ClusterSpace space = context.Space;
        bool reassign = ReassignmentIsDue(rows.Length);
        Span<int> labels = context.BatchLabels(rows.Length);
        Span<float> distances = context.BatchDistances(rows.Length);
        space.Assign(rows, labels, distances);
        double sum = Sum(rows, distances);
        Span<int> offsets = context.Offsets;
        Span<int> grouped = context.Order(rows.Length);
        Group(rows, labels, offsets, grouped);
        for (int k = 0; k < counts.Length; k++)
        {
            ReadOnlySpan<int> members = grouped[offsets[k]..offsets[k + 1]];
            if (members.IsEmpty)
                continue;
            double added = Mass(members);
            space.Absorb(k, counts[k], members, added);
            counts[k] += added;
        }

        if (reassign)
            Reassign(rows);
        return sum;
    }

    /// <summary>What a run with these counts reports.</summary>
    public AlgorithmOutcome Outcome(long batches) => context.Space.Weights.IsEmpty
        ? new(batches, RunningCounts: Array.ConvertAll(counts, static count => (long)count))
        : new(batches, RunningMasses: counts);

    private double Sum(ReadOnlySpan<int> rows, ReadOnlySpan<float> distances)
    {
        double sum = 0;
        ReadOnlySpan<float> weights = context.Space.Weights;
        if (weights.IsEmpty)
        {
            foreach (float distance in distances)
                sum += distance;
            return sum;
        }

        for (int i = 0; i < rows.Length; i++)
            sum += (double)weights[rows[i]] * distances[i];
        return sum;
    }

    private double Mass(ReadOnlySpan<int> rows)
    {
        ReadOnlySpan<float> weights = context.Space.Weights;
        if (weights.IsEmpty)
            return rows.Length;
        double mass = 0;
        foreach (int row in rows)
            mass += weights[row];
        return mass;
    }

    // Counting sort: the rows of each cell together, in batch order.
    private static void Group(ReadOnlySpan<int> rows, ReadOnlySpan<int> labels, Span<int> offsets, Span<int> grouped)
    {
        offsets.Clear();
        foreach (int label in labels)
            offsets[label + 1]++;
        for (int k = 1; k < offsets.Length; k++)
            offsets[k] += offsets[k - 1];
        for (int i = 0; i < rows.Length; i++)
            grouped[offsets[labels[i]]++] = rows[i];
        for (int k = offsets.Length - 1; k > 0; k--)
            offsets[k] = offsets[k - 1];
        offsets[0] = 0;
    }

    private bool ReassignmentIsDue(int rows)
    {
        _rowsSinceReassignment += rows;
        if (_rowsSinceReassignment < 10L * counts.Length && !counts.Contains(0))
            return false;
        _rowsSinceReassignment = 0;
        return context.Options.ReassignmentRatio > 0;
    }

    private void Reassign(ReadOnlySpan<int> rows)
    {
        double threshold = context.Options.ReassignmentRatio * counts.Max();
        int found = 0;
        for (int k = 0; k < counts.Length; k++)
        {
            if (counts[k] < threshold)
                _reassigned[found++] = k;
        }

        Span<int> reassigned = _reassigned.AsSpan(0, found);
        if (found > rows.Length / 2)
        {
            reassigned.Sort((a, b) => counts[a] != counts[b] ? counts[a].CompareTo(counts[b]) : a.CompareTo(b));
            reassigned = reassigned[..(rows.Length / 2)];
            reassigned.Sort();
        }

        if (reassigned.IsEmpty)
            return;
        double lowest = double.PositiveInfinity;
        for (int k = 0; k < counts.Length; k++)
        {
            if (reassigned.BinarySearch(k) < 0)
                lowest = Math.Min(lowest, counts[k]);
        }

        Span<int> pool = context.Order(rows.Length);
        rows.CopyTo(pool);
        for (int r = 0; r < reassigned.Length; r++)
        {
            int drawn = r + _random.NextInt32(pool.Length - r);
            (pool[r], pool[drawn]) = (pool[drawn], pool[r]);
            context.Space.Place(reassigned[r], pool[r]);
            counts[reassigned[r]] = lowest;
        }
    }
}

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

/// <summary>The clustering of D4M: passes of <see cref="MiniBatchStep"/> over buffers of <c>KmExpand * K</c> rows in order.</summary>
/// <remarks>
/// The first centres come from the first buffer alone. Rows that do not fill a buffer at the end of a pass are not used.
/// A class smaller than one buffer is one buffer. K is the number asked for, so classes of few rows keep the buffer size.
/// </remarks>
internal static class D4mPass
{
    /// <summary>Runs it.</summary>
    public static AlgorithmOutcome Run(FitContext context)
    {
        int rows = context.Space.RowCount;
        int buffer = (int)Math.Min((long)context.Options.KmExpand * context.Options.CentroidCount, rows);
        FirstCentroids.Place(context, buffer);
        var counts = new double[context.Space.CentroidCount];
        var step = new MiniBatchStep(context, counts);
        Span<int> batch = context.Batch(buffer);
        long batches = 0;
        for (int pass = 0; pass < context.Options.Passes; pass++)
        {
            for (int first = 0; first <= rows - buffer; first += buffer)
            {
                context.Cancellation.ThrowIfCancellationRequested();
                for (int i = 0; i < buffer; i++)
                    batch[i] = first + i;
                step.Run(batch);
                batches++;
            }
        }

        return step.Outcome(batches);
    }
}
