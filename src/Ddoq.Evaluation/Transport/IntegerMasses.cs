using System.Globalization;

namespace Ddoq.Evaluation.Transport;

/// <summary>Two weight vectors as integers with one common total, so that flows are exact and the solver terminates.</summary>
/// <remarks>
/// Weights that are fractions with a small common denominator (1/N, 1/K, counts/N) become exactly those fractions, which
/// keeps slivers of rounding out of the plan. All others are rounded to multiples of 2^-52 of the total.
/// </remarks>
internal readonly struct IntegerMasses
{
    private const long BinaryTotal = 1L << 52;

    /// <summary>A weight is taken for a fraction when it is this close to one, relatively.</summary>
    private const double FractionTolerance = 1e-11;

    private IntegerMasses(long[] sources, long[] targets, long total)
    {
        Sources = sources;
        Targets = targets;
        Total = total;
    }

    public long[] Sources { get; }

    public long[] Targets { get; }

    public long Total { get; }

    public static IntegerMasses From(ReadOnlySpan<double> sourceWeights, ReadOnlySpan<double> targetWeights)
    {
        double[] sources = Normalise(sourceWeights, "first");
        double[] targets = Normalise(targetWeights, "second");
        long n = sources.Length, k = targets.Length;
        long common = n / GreatestCommonDivisor(n, k) * k;
        foreach (long total in (ReadOnlySpan<long>)[n, k, common])
        {
            if (TryFractions(sources, total) is { } sourceMasses && TryFractions(targets, total) is { } targetMasses)
                return new IntegerMasses(sourceMasses, targetMasses, total);
        }

        return new IntegerMasses(Round(sources), Round(targets), BinaryTotal);
    }

    private static double[] Normalise(ReadOnlySpan<double> weights, string which)
    {
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (!double.IsFinite(weights[i]) || weights[i] < 0)
            {
                throw new DdoqException(
                    string.Create(CultureInfo.InvariantCulture, $"Weight {i} of the {which} measure is {weights[i]}; weights are finite and not negative."),
                    "Check the weights column of the prototypes, or use uniform weights.");
            }

            sum += weights[i];
        }

        if (!(sum > 0) || double.IsInfinity(sum))
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"The {weights.Length} weights of the {which} measure sum to {sum}; the sum must be positive and finite."),
                "A class without any row has no distance; leave it out.");
        }

        var normalised = new double[weights.Length];
        for (int i = 0; i < weights.Length; i++)
            normalised[i] = weights[i] / sum;
        return normalised;
    }

    private static long[]? TryFractions(double[] weights, long total)
    {
        var masses = new long[weights.Length];
        long sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            double scaled = weights[i] * total;
            double rounded = Math.Round(scaled);
            if (Math.Abs(scaled - rounded) > FractionTolerance * rounded)
                return null;
            masses[i] = (long)rounded;
            sum += masses[i];
        }

        return sum == total ? masses : null;
    }

    private static long[] Round(double[] weights)
    {
        var masses = new long[weights.Length];
        long sum = 0;
        int largest = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            masses[i] = (long)Math.Round(weights[i] * BinaryTotal);
            sum += masses[i];
            if (masses[i] > masses[largest])
                largest = i;
        }

        // At most half a unit per weight: far below the largest weight's own rounding to a double for any sane count.
        masses[largest] += BinaryTotal - sum;
        return masses;
    }

    private static long GreatestCommonDivisor(long a, long b)
    {
        while (b != 0)
            (a, b) = (b, a % b);
        return a;
    }
}
