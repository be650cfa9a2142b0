namespace Ddoq.Quantization;

/// <summary>Weights of prototypes from counts.</summary>
public static class PrototypeWeights
{
    /// <summary>Computes the weights of one class.</summary>
    /// <param name="rule">The rule; see <see cref="WeightRule"/> for the formulas.</param>
    /// <param name="counts">v_k of the class (K), not negative.</param>
    /// <param name="weights">Receives K weights; computed in fp64, rounded once.</param>
    /// <remarks>
    /// A count of 0 gives weight 0 under every rule but <see cref="WeightRule.None"/> (an empty cell has no mass; its
    /// inverse is taken as absent). When all counts are 0 every centre counts as one row. No class, no weights: K = 0
    /// writes nothing. Deterministic.
    /// </remarks>
    /// <exception cref="DdoqException">The lengths differ or a count is negative.</exception>
    public static void Compute(WeightRule rule, ReadOnlySpan<long> counts, Span<float> weights)
    {
        if (counts.Length != weights.Length)
            throw new DdoqException($"{counts.Length} counts do not fit {weights.Length} weights: one weight per count is needed.");
        double total = 0;
        double inverseTotal = 0;
        for (int k = 0; k < counts.Length; k++)
        {
            if (counts[k] < 0)
                throw new DdoqException($"Count {k} is {counts[k]}: counts of rows are 0 or more.", "The prototype file may be damaged; quantise again.");
            total += counts[k];
            if (counts[k] > 0)
                inverseTotal += 1.0 / counts[k];
        }

        for (int k = 0; k < counts.Length; k++)
        {
            double share = total > 0 ? counts[k] / total : 1.0 / counts.Length;
            weights[k] = rule switch
            {
                WeightRule.None => 1f,
                WeightRule.SquareRoot => (float)Math.Sqrt(counts.Length * share),
                WeightRule.Direct => (float)share,
                WeightRule.Inverse => total == 0 ? (float)share : counts[k] == 0 ? 0f : (float)(1.0 / counts[k] / inverseTotal),
                _ => throw new UsageException($"Weight rule {rule} does not exist; allowed: {string.Join(", ", Enum.GetNames<WeightRule>())}."),
            };
        }
    }
}
