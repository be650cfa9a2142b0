namespace Ddoq.Latents;

/// <summary>Variance of weighted points: the weighted mean of |x - mean|^2, summed over all dimensions; what a single centre's distortion would be.</summary>
/// <remarks>fp64, in two passes: no cancellation. Rows of a class are read in blocks, so it never has to fit in memory as floats.</remarks>
public static class LatentVariance
{
    private const int BlockRows = 512;

    /// <summary>The variance of the rows of a class, by their sample weights where they have any.</summary>
    /// <param name="source">The rows; every one is read twice.</param>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <returns>0 for a class without rows or without weight.</returns>
    public static double OfClass(ILatentSource source, int classIndex)
    {
        ArgumentNullException.ThrowIfNull(source);
        int count = source.RowCount(classIndex), dimension = source.Shape.Length;
        var stored = new float[count];
        source.ReadSampleWeights(classIndex, stored);
        double[] weights = [.. stored.Select(weight => (double)weight)];
        double mass = weights.Sum(), sum = 0;
        if (mass <= 0)
            return 0;
        var rows = new float[checked(Math.Min(BlockRows, count) * dimension)];
        var mean = new double[dimension];
        for (int first = 0; first < count; first += BlockRows)
            AddTo(mean, Read(first), weights.AsSpan(first), mass);
        for (int first = 0; first < count; first += BlockRows)
            sum += Deviation(Read(first), mean, weights.AsSpan(first));
        return sum / mass;

        ReadOnlySpan<float> Read(int first)
        {
            Span<float> block = rows.AsSpan(0, Math.Min(BlockRows, count - first) * dimension);
            source.ReadRows(classIndex, first, block);
            return block;
        }
    }

    /// <summary>The variance of weighted points.</summary>
    /// <param name="points">[n, D], row-major.</param>
    /// <param name="weights">[n], 0 or more, not all 0.</param>
    /// <param name="dimension">D.</param>
    public static double OfPoints(ReadOnlySpan<float> points, ReadOnlySpan<double> weights, int dimension)
    {
        var mean = new double[dimension];
        double mass = 0;
        foreach (double weight in weights)
            mass += weight;
        AddTo(mean, points, weights, mass);
        return Deviation(points, mean, weights) / mass;
    }

    private static void AddTo(double[] mean, ReadOnlySpan<float> rows, ReadOnlySpan<double> weights, double mass)
    {
        for (int i = 0; i < rows.Length / mean.Length; i++)
        {
            double share = weights[i] / mass;
            for (int d = 0; d < mean.Length; d++)
                mean[d] += share * rows[(i * mean.Length) + d];
        }
    }

    private static double Deviation(ReadOnlySpan<float> rows, double[] mean, ReadOnlySpan<double> weights)
    {
        double sum = 0;
        for (int i = 0; i < rows.Length / mean.Length; i++)
        {
            double squared = 0;
            for (int d = 0; d < mean.Length; d++)
            {
                double difference = rows[(i * mean.Length) + d] - mean[d];
                squared += difference * difference;
            }

            sum += weights[i] * squared;
        }

        return sum;
    }
}
