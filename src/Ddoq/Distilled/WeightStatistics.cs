namespace Ddoq.Distilled;

/// <summary>How the weights of a class (or of any group of images) spread: how many images a student effectively sees.</summary>
/// <param name="Count">Number of weights (K).</param>
/// <param name="Minimum">Least weight; 0 without images.</param>
/// <param name="Maximum">Greatest weight; 0 without images.</param>
/// <param name="Mean">Mean weight; 0 without images.</param>
/// <param name="EffectiveSampleSize">(sum w)^2 / sum w^2: K for equal weights, 1 when one image has all; 0 without weight.</param>
public readonly record struct WeightStatistics(int Count, double Minimum, double Maximum, double Mean, double EffectiveSampleSize)
{
    /// <summary>Summarises weights, which are finite and not negative.</summary>
    public static WeightStatistics Of(ReadOnlySpan<double> weights)
    {
        if (weights.IsEmpty)
            return default;
        double sum = 0, squares = 0, minimum = weights[0], maximum = weights[0];
        foreach (double weight in weights)
        {
            sum += weight;
            squares += weight * weight;
            minimum = Math.Min(minimum, weight);
            maximum = Math.Max(maximum, weight);
        }

        return new WeightStatistics(weights.Length, minimum, maximum, sum / weights.Length, squares > 0 ? sum * sum / squares : 0);
    }

    /// <summary>Summarises the weights of every class.</summary>
    /// <param name="weights">[N] weights, finite and not negative.</param>
    /// <param name="labels">[N] class indices below <paramref name="classCount"/>.</param>
    /// <param name="classCount">C.</param>
    /// <returns>C statistics, in label order.</returns>
    public static IReadOnlyList<WeightStatistics> PerClass(ReadOnlySpan<float> weights, ReadOnlySpan<int> labels, int classCount)
    {
        List<double>[] byClass = [.. Enumerable.Range(0, classCount).Select(_ => new List<double>())];
        for (int i = 0; i < labels.Length; i++)
            byClass[labels[i]].Add(weights[i]);
        return [.. byClass.Select(own => Of(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(own)))];
    }
}
