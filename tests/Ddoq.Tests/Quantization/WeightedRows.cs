using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.Tests.Quantization;

/// <summary>Weights for rows of tests, and the same in fp64 from the definitions: the oracle of weighted k-means.</summary>
internal static class WeightedRows
{
    /// <summary>Weights from 0.1 to 10, evenly spread in their logarithm.</summary>
    public static float[] Spread(int rows, ulong seed, double decades = 2)
    {
        var random = new CounterRandom(seed, 78);
        return [.. Enumerable.Range(0, rows).Select(_ => (float)Math.Pow(10, decades * (random.NextDouble() - 0.5)))];
    }

    /// <summary>Whole weights from 1 to 4.</summary>
    public static float[] Whole(int rows, ulong seed)
    {
        var random = new CounterRandom(seed, 79);
        return [.. Enumerable.Range(0, rows).Select(_ => 1f + random.NextInt32(4))];
    }

    /// <summary>Every row as often as its weight says, copies behind each other.</summary>
    public static Half[] Repeat(Half[] rows, int dimension, float[] weights) =>
        [.. weights.SelectMany((weight, i) => Enumerable.Repeat(i, (int)weight)).SelectMany(i => rows.AsSpan(i * dimension, dimension).ToArray())];

    /// <summary>Quantises one class with weights (null for none).</summary>
    public static ClassQuantization Fit(Half[] rows, int dimension, float[]? weights, QuantizerOptions options)
    {
        using var quantizer = new CpuQuantizer();
        return quantizer.FitClass(new ArrayLatentSource(dimension, rows) { Weights = weights is null ? null : [weights] }, 0, options, default);
    }

    /// <summary>Options that start from the first rows.</summary>
    public static QuantizerOptions FromFirstRows(Half[] rows, int dimension, int centroids, QuantizationAlgorithm algorithm, QuantizationSpace space) => new()
    {
        CentroidCount = centroids,
        Algorithm = algorithm,
        Space = space,
        Initialization = CentroidInitialization.Given,
        InitialCentroids = [TestRows.FirstRows(rows, dimension, centroids)],
    };

    /// <summary>Weighted means of cells, and their masses; a cell without mass is at 0.</summary>
    public static (double[] Means, double[] Masses) Means(double[] rows, int dimension, float[] weights, int[] labels, int centroids)
    {
        double[] means = new double[centroids * dimension], masses = new double[centroids];
        for (int i = 0; i < labels.Length; i++)
            masses[labels[i]] += weights[i];
        for (int i = 0; i < rows.Length; i++)
            means[(labels[i / dimension] * dimension) + (i % dimension)] += weights[i / dimension] * rows[i] / masses[labels[i / dimension]];
        return (means, masses);
    }

    public static double SquaredDistance(double[] rows, int row, double[] centres, int centre, int dimension)
    {
        double sum = 0;
        for (int j = 0; j < dimension; j++)
            sum += Math.Pow(rows[(row * dimension) + j] - centres[(centre * dimension) + j], 2);
        return sum;
    }

    /// <summary>Nearest centre, the lowest among equals.</summary>
    public static int Nearest(double[] rows, int row, double[] centres, int dimension) =>
        Enumerable.Range(0, centres.Length / dimension).MinBy(k => SquaredDistance(rows, row, centres, k, dimension));

    /// <summary>Lloyd with weights until no label changes; a cell without rows takes the row of the largest w d^2 of a cell of two or more.</summary>
    public static (int[] Labels, int Iterations) Lloyd(double[] rows, int dimension, float[] weights, float[] start)
    {
        int centroids = start.Length / dimension, iterations = 0;
        double[] centres = [.. start.Select(value => (double)value)];
        int[] labels = [];
        while (true)
        {
            int[] next = [.. Enumerable.Range(0, weights.Length).Select(i => Nearest(rows, i, centres, dimension))];
            foreach (int empty in Enumerable.Range(0, centroids).Where(k => !next.Contains(k)))
            {
                int farthest = Enumerable.Range(0, next.Length)
                    .Where(i => next.Count(label => label == next[i]) > 1 && !Enumerable.Range(0, empty).Any(k => next[i] == k && next.Count(label => label == k) == 1))
                    .MaxBy(i => weights[i] * SquaredDistance(rows, i, centres, next[i], dimension));
                next[farthest] = empty;
            }

            if (next.SequenceEqual(labels))
                return (labels, iterations);
            labels = next;
            centres = Means(rows, dimension, weights, labels, centroids).Means;
            iterations++;
        }
    }

    /// <summary>One step of mini-batch k-means: labels against the centres before it, then running weighted means.</summary>
    /// <returns>The weighted sum of squared distances to the centres before it.</returns>
    public static double Absorb(double[] rows, int dimension, float[] weights, int[] batch, double[] centres, double[] masses)
    {
        int[] labels = [.. batch.Select(i => Nearest(rows, i, centres, dimension))];
        double distortion = batch.Zip(labels, (i, k) => weights[i] * SquaredDistance(rows, i, centres, k, dimension)).Sum();
        for (int k = 0; k < masses.Length; k++)
        {
            int[] members = [.. batch.Where((_, i) => labels[i] == k)];
            double added = members.Sum(i => (double)weights[i]);
            for (int j = 0; j < dimension && added > 0; j++)
                centres[(k * dimension) + j] = ((masses[k] * centres[(k * dimension) + j]) + members.Sum(i => weights[i] * rows[(i * dimension) + j])) / (masses[k] + added);
            masses[k] += added;
        }

        return distortion;
    }

    /// <summary>Mini-batch k-means on drawn batches without reassignment, and how many it takes until the smoothed weighted distortion has not improved for <paramref name="patience"/> of them.</summary>
    public static (double[] Centres, int Batches) MiniBatch(double[] rows, int dimension, float[] weights, float[] start, int size, int patience, CounterRandom random)
    {
        double[] centres = [.. start.Select(value => (double)value)], masses = new double[start.Length / dimension];
        double newest = 2.0 * size / (weights.Length + 1), smoothed = 0, lowest = double.PositiveInfinity;
        int batches = 0, worse = 0;
        while (worse < patience)
        {
            int[] batch = [.. Enumerable.Range(0, size).Select(_ => random.NextInt32(weights.Length))];
            double distortion = Absorb(rows, dimension, weights, batch, centres, masses) / size;
            if (++batches == 1)
                continue;
            smoothed = batches == 2 ? distortion : (smoothed * (1 - newest)) + (distortion * newest);
            worse = smoothed < lowest ? 0 : worse + 1;
            lowest = Math.Min(lowest, smoothed);
        }

        return (centres, batches);
    }

    /// <summary>Hartigan's moves in rounds, as <see cref="HartiganRounds"/>, with weights; returns the number of moves.</summary>
    public static int Hartigan(double[] rows, int dimension, float[] weights, int[] labels, int centroids)
    {
        int moves = 0;
        while (true)
        {
            (double[] means, double[] masses) = Means(rows, dimension, weights, labels, centroids);
            var proposals = new List<(double Gain, int Row, int To)>();
            for (int i = 0; i < labels.Length; i++)
            {
                int from = labels[i];
                double w = weights[i], rest = masses[from] - w;
                if (labels.Count(label => label == from) < 2)
                    continue;
                double leave = w * masses[from] / rest * SquaredDistance(rows, i, means, from, dimension);
                (double join, int to) = Enumerable.Range(0, centroids).Where(k => k != from)
                    .Select(k => (w * masses[k] / (masses[k] + w) * SquaredDistance(rows, i, means, k, dimension), k)).Min();
                if (leave - join > 1e-5 * dimension * w)
                    proposals.Add((leave - join, i, to));
            }

            if (proposals.Count == 0)
                return moves;
            moves += HartiganRounds.Take(proposals, labels);
        }
    }
}
