using System.Globalization;

namespace Ddoq.Evaluation.Statistics;

/// <summary>The spread of a set of per-image weights, as it decides how many images a student effectively sees.</summary>
/// <param name="Count">Number of weights.</param>
/// <param name="Minimum">The smallest weight.</param>
/// <param name="Maximum">The largest weight.</param>
/// <param name="Mean">The mean weight.</param>
/// <param name="EffectiveSampleSize">(sum w)^2 / sum w^2, between 1 and <paramref name="Count"/>.</param>
public sealed record WeightSummary(int Count, double Minimum, double Maximum, double Mean, double EffectiveSampleSize)
{
    /// <summary>Summarises weights.</summary>
    /// <exception cref="DdoqException">There is no weight, or one is negative or not finite, or all are 0.</exception>
    public static WeightSummary From(ReadOnlySpan<double> weights)
    {
        double sum = 0, squares = 0;
        double minimum = double.PositiveInfinity, maximum = double.NegativeInfinity;
        for (int i = 0; i < weights.Length; i++)
        {
            double weight = weights[i];
            if (!double.IsFinite(weight) || weight < 0)
            {
                throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                    $"Weight {i} of {weights.Length} is {weight}; weights are finite and not negative."));
            }

            sum += weight;
            squares += weight * weight;
            minimum = Math.Min(minimum, weight);
            maximum = Math.Max(maximum, weight);
        }

        if (!(sum > 0))
        {
            throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                $"{weights.Length} weights sum to {sum}; a positive sum is needed."));
        }

        return new WeightSummary(weights.Length, minimum, maximum, sum / weights.Length, sum * sum / squares);
    }
}
