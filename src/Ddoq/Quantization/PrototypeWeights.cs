using System.Globalization;

namespace Ddoq.Quantization;

/// <summary>Weights of prototypes from counts, or from masses where rows have weights.</summary>
public static class PrototypeWeights
{
    /// <summary>
    /// The rule that fits an algorithm: support points weigh the same by construction, counts or not; the others' weights come
    /// from their counts by eq. 34.
    /// </summary>
    public static WeightRule DefaultRule(QuantizationAlgorithm algorithm) =>
        algorithm == QuantizationAlgorithm.Support ? WeightRule.None : WeightRule.SquareRoot;

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
        double[] masses = new double[counts.Length];
        for (int k = 0; k < counts.Length; k++)
            masses[k] = counts[k];
        Compute(rule, masses, weights);
    }

    /// <summary>Computes the weights of one class whose rows have weights of their own.</summary>
    /// <param name="rule">The rule; v in its formula is the mass.</param>
    /// <param name="masses">Sum of the rows' weights in each cell (K), finite, not negative.</param>
    /// <param name="weights">Receives K weights; computed in fp64, rounded once.</param>
    /// <remarks>As for counts: a mass of 0 is an empty cell.</remarks>
    /// <exception cref="DdoqException">The lengths differ, or a mass is negative or not finite.</exception>
    public static void Compute(WeightRule rule, ReadOnlySpan<double> masses, Span<float> weights)
    {
        if (masses.Length != weights.Length)
            throw new DdoqException($"{masses.Length} counts do not fit {weights.Length} weights: one weight per count is needed.");
        double total = 0;
        double inverseTotal = 0;
        for (int k = 0; k < masses.Length; k++)
        {
            if (!(masses[k] >= 0) || double.IsInfinity(masses[k]))
            {
                throw new DdoqException(
                    string.Create(CultureInfo.InvariantCulture, $"Count {k} is {masses[k]}: counts and masses of cells are finite, 0 or more."),
                    "The prototype file may be damaged; quantise again.");
            }

            total += masses[k];
            if (masses[k] > 0)
                inverseTotal += 1.0 / masses[k];
        }

        for (int k = 0; k < masses.Length; k++)
        {
            double share = total > 0 ? masses[k] / total : 1.0 / masses.Length;
            weights[k] = rule switch
            {
                WeightRule.None => 1f,
                WeightRule.SquareRoot => (float)Math.Sqrt(masses.Length * share),
                WeightRule.Direct => (float)share,
                WeightRule.Inverse => total == 0 ? (float)share : masses[k] == 0 ? 0f : (float)(1.0 / masses[k] / inverseTotal),
                _ => throw new UsageException($"Weight rule {rule} does not exist; allowed: {string.Join(", ", Enum.GetNames<WeightRule>())}."),
            };
        }
    }
}

/// <summary>How a prototype's weight in training follows from its count v_k among the K of its class.</summary>
public enum WeightRule
{
    /// <summary>1 for every prototype (D4M).</summary>
    None,

    /// <summary><c>sqrt(K * v_k / sum v)</c>: the squares sum to K, equal counts give 1 (eq. 34 of the DDOQ paper). The default.</summary>
    SquareRoot,

    /// <summary><c>v_k / sum v</c>: the Voronoi masses; they sum to 1 per class (Algorithm 1).</summary>
    Direct,

    /// <summary>
    /// Proportional to <c>1 / v_k</c> over the centres that have rows, summing to 1 per class: a control, after the words
    /// of the paper's ablation, which contradict its own algorithm.
    /// </summary>
    Inverse,
}
