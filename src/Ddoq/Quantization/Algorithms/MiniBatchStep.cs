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
