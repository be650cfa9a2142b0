namespace Ddoq.Training.Weights;

/// <summary>Weights of a training set as the losses use them.</summary>
public static class TrainingWeights
{
    /// <summary>The weights to train with, before any normalisation by batch.</summary>
    /// <param name="weights">[N] weights, or null for 1 everywhere.</param>
    /// <param name="count">N.</param>
    /// <param name="normalisation">Only <see cref="WeightNormalisation.Dataset"/> changes anything here.</param>
    /// <returns>A new array of N weights.</returns>
    public static float[] Prepare(float[]? weights, int count, WeightNormalisation normalisation)
    {
        float[] prepared = new float[count];
        if (weights is null)
        {
            Array.Fill(prepared, 1f);
            return prepared;
        }

        weights.CopyTo(prepared, 0);
        if (normalisation == WeightNormalisation.Dataset)
            DivideByMean(prepared);
        return prepared;
    }

    /// <summary>Divides by the mean, computed in fp64; weights whose sum is 0 stay 0.</summary>
    public static void DivideByMean(Span<float> weights)
    {
        double sum = 0;
        foreach (float weight in weights)
            sum += weight;
        if (sum == 0)
            return;
        double scale = weights.Length / sum;
        for (int i = 0; i < weights.Length; i++)
            weights[i] = (float)(weights[i] * scale);
    }

    /// <summary>Least, greatest and mean weight and effective sample size of every class.</summary>
    /// <param name="weights">[N] weights.</param>
    /// <param name="labels">[N] class indices below <paramref name="classCount"/>.</param>
    /// <param name="classCount">C.</param>
    public static IReadOnlyList<ClassWeightStatistics> Summarise(
        ReadOnlySpan<float> weights, ReadOnlySpan<int> labels, int classCount)
    {
        int[] counts = new int[classCount];
        double[] sums = new double[classCount], squares = new double[classCount];
        double[] minima = new double[classCount], maxima = new double[classCount];
        for (int i = 0; i < labels.Length; i++)
        {
            int label = labels[i];
            double weight = weights[i];
            minima[label] = counts[label] == 0 ? weight : Math.Min(minima[label], weight);
            maxima[label] = Math.Max(maxima[label], weight);
            sums[label] += weight;
            squares[label] += weight * weight;
            counts[label]++;
        }

        var statistics = new ClassWeightStatistics[classCount];
        for (int label = 0; label < classCount; label++)
        {
            statistics[label] = new ClassWeightStatistics(
                label,
                counts[label],
                minima[label],
                maxima[label],
                counts[label] == 0 ? 0 : sums[label] / counts[label],
                squares[label] == 0 ? 0 : sums[label] * sums[label] / squares[label]);
        }

        return statistics;
    }
}
