using System.Numerics.Tensors;
using Ddoq.Numerics;

namespace Ddoq.Quantization.Algorithms;

/// <summary>Places the first centres.</summary>
internal static class FirstCentroids
{
    /// <summary>Places all centres of the context's space as its options say.</summary>
    /// <param name="context">The run.</param>
    /// <param name="rowLimit">Only rows below this number are candidates (D4M looks at its first buffer alone); at least K.</param>
    /// <exception cref="UsageException">Given centres are missing or too few for the class.</exception>
    public static void Place(FitContext context, int rowLimit)
    {
        switch (context.Options.Initialization)
        {
            case CentroidInitialization.Given:
                context.Space.Place(Given(context));
                break;
            case CentroidInitialization.Random:
                PlaceRandom(context, rowLimit);
                break;
            default:
                PlaceGreedy(context, rowLimit);
                break;
        }
    }

    /// <summary>The given centres of the context's class (K x D).</summary>
    /// <exception cref="UsageException">They are missing, too few, or not finite.</exception>
    public static ReadOnlySpan<float> Given(FitContext context)
    {
        IReadOnlyList<float[]> given = context.Options.InitialCentroids!;
        int needed = context.Space.CentroidCount * context.Space.Dimension;
        float[]? centroids = context.ClassIndex < given.Count ? given[context.ClassIndex] : null;
        if (centroids is null || centroids.Length < needed)
        {
            throw new UsageException(
                $"{nameof(QuantizerOptions.InitialCentroids)} holds {centroids?.Length ?? 0} values for class {context.ClassIndex}; {context.Space.CentroidCount} centres of {context.Space.Dimension} values need {needed}.",
                "Give at least min(K, rows) centres for every class.");
        }

        foreach (float value in centroids.AsSpan(0, needed))
        {
            if (!float.IsFinite(value))
                throw new UsageException($"{nameof(QuantizerOptions.InitialCentroids)} of class {context.ClassIndex} holds {value}: centres must be finite.");
        }

        return centroids.AsSpan(0, needed);
    }

    /// <summary>Draws distinct rows, uniformly or by weight among those that are left, as scikit-learn does.</summary>
    /// <param name="context">The run, for its working space.</param>
    /// <param name="random">The stream.</param>
    /// <param name="weights">Weight of each candidate row; empty when all weigh the same.</param>
    /// <param name="order">As many as candidate rows; the drawn ones come first.</param>
    /// <param name="count">Rows to draw.</param>
    public static void DrawRows(FitContext context, ref CounterRandom random, ReadOnlySpan<float> weights, Span<int> order, int count)
    {
        if (weights.IsEmpty)
        {
            for (int i = 0; i < order.Length; i++)
                order[i] = i;
            for (int k = 0; k < count; k++)
            {
                int drawn = k + random.NextInt32(order.Length - k);
                (order[k], order[drawn]) = (order[drawn], order[k]);
            }

            return;
        }

        Span<float> left = context.Nearest[..order.Length];
        weights.CopyTo(left);
        var sampler = new PotentialSampler(context.BlockSums(PotentialSampler.BlockCount(order.Length)));
        for (int k = 0; k < count; k++)
        {
            order[k] = sampler.FirstReaching(left, random.NextDouble() * sampler.Load(left));
            left[order[k]] = 0;
        }
    }

    private static void PlaceRandom(FitContext context, int rowLimit)
    {
        CounterRandom random = context.Random(RandomPurpose.Initialization);
        ReadOnlySpan<float> weights = context.Space.Weights;
        Span<int> order = context.Order(rowLimit);
        DrawRows(context, ref random, weights.IsEmpty ? default : weights[..rowLimit], order, context.Space.CentroidCount);
        for (int k = 0; k < context.Space.CentroidCount; k++)
            context.Space.Place(k, order[k]);
    }

    // Arthur & Vassilvitskii's k-means++ with 2 + floor(ln K) candidates per centre, of which the one that leaves the
    // smallest sum of squared distances is taken; the earliest drawn among equals. With weights every squared distance
    // counts times the weight of its row, and the first row is drawn by weight.
    private static void PlaceGreedy(FitContext context, int rowLimit)
    {
        int centroids = context.Space.CentroidCount;
        int trials = 2 + (int)Math.Log(centroids);
        CounterRandom random = context.Random(RandomPurpose.Initialization);
        Span<float> nearest = context.Nearest[..rowLimit];
        Span<float> distances = context.Candidates(checked(trials * rowLimit));
        Span<int> rows = context.Order(trials);
        var sampler = new PotentialSampler(context.BlockSums(PotentialSampler.BlockCount(rowLimit)));
        context.Space.ExpectOrigins(1 + (trials * (centroids - 1)), rowLimit);
        ReadOnlySpan<float> weights = context.Space.Weights;
        rows[0] = weights.IsEmpty ? random.NextInt32(rowLimit) : DrawByWeight(weights[..rowLimit], sampler, ref random);
        context.Space.Place(0, rows[0]);
        context.Space.DistancesFrom(rows[..1], rowLimit, nearest);
        if (!weights.IsEmpty)
            Weigh(nearest, weights[..rowLimit]);
        for (int k = 1; k < centroids; k++)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            double potential = sampler.Load(nearest);
            if (!(potential > 0))
            {
                // Every row lies on a centre already: any row does, and later cells stay empty.
                context.Space.Place(k, k);
                continue;
            }

            for (int trial = 0; trial < trials; trial++)
                rows[trial] = sampler.FirstReaching(nearest, random.NextDouble() * potential);
            context.Space.DistancesFrom(rows, rowLimit, distances);
            if (!weights.IsEmpty)
                Weigh(distances, weights[..rowLimit]);
            int best = 0;
            double bestPotential = double.PositiveInfinity;
            for (int trial = 0; trial < trials; trial++)
            {
                double sum = context.Kernels.LowerTo(nearest, distances.Slice(trial * rowLimit, rowLimit));
                if (sum < bestPotential)
                {
                    bestPotential = sum;
                    best = trial;
                }
            }

            distances.Slice(best * rowLimit, rowLimit).CopyTo(nearest);
            context.Space.Place(k, rows[best]);
        }
    }

    private static int DrawByWeight(ReadOnlySpan<float> weights, PotentialSampler sampler, ref CounterRandom random)
    {
        double total = sampler.Load(weights);
        return sampler.FirstReaching(weights, random.NextDouble() * total);
    }

    // Distances of one or more origins, row after row, times the weights: their minimum is then weighted too.
    private static void Weigh(Span<float> distances, ReadOnlySpan<float> weights)
    {
        for (int first = 0; first < distances.Length; first += weights.Length)
        {
            Span<float> part = distances.Slice(first, weights.Length);
            TensorPrimitives.Multiply(part, weights, part);
        }
    }
}

/// <summary>Draws rows with probability proportional to their squared distance, or to any number not below 0, through sums of blocks of 64 rows.</summary>
/// <remarks>All sums are fp64 in a fixed order. A row at 0 is never drawn.</remarks>
internal readonly ref struct PotentialSampler(Span<double> blockSums)
{
    private const int RowsPerBlock = 64;
    private readonly Span<double> _blockSums = blockSums;

    /// <summary>Sums needed for a number of rows.</summary>
    public static int BlockCount(int rows) => (rows + RowsPerBlock - 1) / RowsPerBlock;

    /// <summary>Takes up distances; returns their sum.</summary>
    public double Load(ReadOnlySpan<float> distances)
    {
        double total = 0;
        for (int block = 0; block < _blockSums.Length; block++)
        {
            double sum = 0;
            foreach (float distance in Block(distances, block))
                sum += distance;
            _blockSums[block] = sum;
            total += sum;
        }

        return total;
    }

    /// <summary>The first row at which the running sum of the distances exceeds <paramref name="target"/>, which is below their sum.</summary>
    public int FirstReaching(ReadOnlySpan<float> distances, double target)
    {
        double sum = 0;
        int last = 0;
        for (int block = 0; block < _blockSums.Length; block++)
        {
            bool isLast = block == _blockSums.Length - 1;
            if (!isLast && sum + _blockSums[block] <= target)
            {
                sum += _blockSums[block];
                continue;
            }

            ReadOnlySpan<float> rows = Block(distances, block);
            for (int i = 0; i < rows.Length; i++)
            {
                if (rows[i] <= 0)
                    continue;
                sum += rows[i];
                last = (block * RowsPerBlock) + i;
                if (sum > target)
                    return last;
            }
        }

        // The running sum may fall short of the target by rounding: the last row that has a distance. If the last block
        // has none, look back.
        for (int i = distances.Length - 1; i >= 0; i--)
        {
            if (distances[i] > 0)
                return i;
        }

        return last;
    }

    private static ReadOnlySpan<float> Block(ReadOnlySpan<float> distances, int block)
    {
        int first = block * RowsPerBlock;
        return distances.Slice(first, Math.Min(RowsPerBlock, distances.Length - first));
    }
}
