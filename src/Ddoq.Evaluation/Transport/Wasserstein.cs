using System.Globalization;
using CommunityToolkit.HighPerformance;

namespace Ddoq.Evaluation.Transport;

/// <summary>Exact optimal transport between weighted discrete measures.</summary>
/// <remarks>
/// Meant for the semi-discrete shape of dataset distillation: N data rows against K prototypes with K much smaller than N
/// (either argument may be the small one). Time about O(N K D + N K^2), memory O(N K). Results have the same bits for any
/// number of threads. Measures are normalised to total mass 1.
/// </remarks>
public static class Wasserstein
{
    /// <summary>W2 squared: min over plans of sum m_ij |x_i - y_j|^2 (the paper's W2 in Table 1 is its square root).</summary>
    /// <param name="x">N x D values, row-major.</param>
    /// <param name="xWeights">N weights, not negative, with a positive sum; empty means uniform.</param>
    /// <param name="y">K x D values, row-major.</param>
    /// <param name="yWeights">K weights, not negative, with a positive sum; empty means uniform.</param>
    /// <param name="dimension">D, at least 1.</param>
    /// <param name="cancellation">Looked at every few rows.</param>
    /// <returns>The optimal cost, a plan, and the potentials that certify both.</returns>
    /// <exception cref="DdoqException">A length does not fit D, a measure is empty, or a value or weight is not usable.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TransportSolution SquaredDistance(
        ReadOnlySpan<float> x, ReadOnlySpan<double> xWeights, ReadOnlySpan<float> y, ReadOnlySpan<double> yWeights, int dimension,
        CancellationToken cancellation = default)
    {
        int n = RowCount(x, dimension, "first");
        int k = RowCount(y, dimension, "second");
        var costs = new double[CheckedSize(n, k)];
        PairwiseDistances.Squared(x, y, dimension, costs, cancellation);
        return Solve(costs, OrUniform(xWeights, n, "first"), OrUniform(yWeights, k, "second"), cancellation);
    }

    /// <summary>W2 squared between the weighted rows of two matrices, which may be parts of wider ones.</summary>
    /// <param name="x">[N, D].</param>
    /// <param name="xWeights">N weights, not negative, with a positive sum; empty means uniform.</param>
    /// <param name="y">[K, D].</param>
    /// <param name="yWeights">K weights, not negative, with a positive sum; empty means uniform.</param>
    /// <param name="cancellation">Looked at every few rows.</param>
    /// <returns>The optimal cost, a plan, and the potentials that certify both.</returns>
    /// <exception cref="DdoqException">The matrices have rows of different lengths, one is empty, or a value or weight is not usable.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TransportSolution SquaredDistance(
        ReadOnlySpan2D<float> x, ReadOnlySpan<double> xWeights, ReadOnlySpan2D<float> y, ReadOnlySpan<double> yWeights, CancellationToken cancellation = default)
    {
        if (x.Width != y.Width)
        {
            throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                $"The first measure has rows of {x.Width} values, the second of {y.Width}; both need the same."));
        }

        return SquaredDistance(Together(x), xWeights, Together(y), yWeights, x.Width, cancellation);

        static ReadOnlySpan<float> Together(ReadOnlySpan2D<float> matrix) => matrix.TryGetSpan(out ReadOnlySpan<float> values) ? values : matrix.ToArray().AsSpan();
    }

    /// <summary>Optimal transport for a given cost matrix (any finite costs, also negative ones).</summary>
    /// <param name="costs">N x K, row-major. Read in place, not kept.</param>
    /// <param name="sourceWeights">N weights, not negative, with a positive sum.</param>
    /// <param name="targetWeights">K weights, not negative, with a positive sum.</param>
    /// <param name="cancellation">Looked at before each row of the larger side is placed.</param>
    /// <exception cref="DdoqException">The matrix does not have N x K entries, or a cost or weight is not usable.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static TransportSolution Solve(
        double[] costs, ReadOnlySpan<double> sourceWeights, ReadOnlySpan<double> targetWeights, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(costs);
        int n = sourceWeights.Length, k = targetWeights.Length;
        if (n == 0 || k == 0 || costs.Length != CheckedSize(n, k))
        {
            throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                $"A cost matrix of {costs.Length} entries was given for {n} x {k} weights; it needs one entry per pair and at least one row on each side."));
        }

        for (int i = 0; i < costs.Length; i++)
        {
            if (!double.IsFinite(costs[i]))
            {
                throw new DdoqException(
                    string.Create(CultureInfo.InvariantCulture, $"The cost of source row {i / k} and target row {i % k} is {costs[i]}; costs are finite."),
                    "One of the two rows holds a NaN or an infinity; inspect the latents and the prototypes.");
            }
        }

        IntegerMasses masses = IntegerMasses.From(sourceWeights, targetWeights);
        // The solver works on the square of the number of targets: let the smaller side be the targets.
        return k <= n
            ? SolveOriented(costs, masses.Sources, masses.Targets, masses.Total, transposed: false, cancellation)
            : SolveOriented(Transpose(costs, n, k), masses.Targets, masses.Sources, masses.Total, transposed: true, cancellation);
    }

    private static TransportSolution SolveOriented(double[] costs, long[] sources, long[] targets, long total, bool transposed, CancellationToken cancellation)
    {
        int n = sources.Length, k = targets.Length;
        var solver = new TransportSolver(costs, targets, n);
        solver.Solve(sources, cancellation);

        double[] targetPotentials = solver.TargetPotentials;
        var sourcePotentials = new double[n];
        var plan = new List<TransportEntry>(n + k);
        double primal = 0, dual = 0;
        for (int i = 0; i < n; i++)
        {
            double potential = double.PositiveInfinity;
            for (int j = 0; j < k; j++)
            {
                double cost = costs[(i * k) + j];
                potential = Math.Min(potential, cost - targetPotentials[j]);
                long flow = solver.Flow(i, j);
                if (flow == 0)
                    continue;
                double mass = (double)flow / total;
                primal += mass * cost;
                plan.Add(transposed ? new TransportEntry(j, i, mass) : new TransportEntry(i, j, mass));
            }

            sourcePotentials[i] = potential;
            dual += (double)sources[i] / total * potential;
        }

        for (int j = 0; j < k; j++)
            dual += (double)targets[j] / total * targetPotentials[j];

        TransportEntry[] entries = [.. plan];
        if (!transposed)
            return new TransportSolution(primal, dual, sourcePotentials, targetPotentials, entries);

        Array.Sort(entries, static (a, b) => a.Source != b.Source ? a.Source.CompareTo(b.Source) : a.Target.CompareTo(b.Target));
        return new TransportSolution(primal, dual, targetPotentials, sourcePotentials, entries);
    }

    private static double[] Transpose(double[] costs, int rows, int columns)
    {
        var transposed = new double[costs.Length];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
                transposed[(j * rows) + i] = costs[(i * columns) + j];
        }

        return transposed;
    }

    private static ReadOnlySpan<double> OrUniform(ReadOnlySpan<double> weights, int count, string which)
    {
        if (weights.Length == count)
            return weights;
        if (!weights.IsEmpty)
        {
            throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                $"The {which} measure has {count} rows and {weights.Length} weights; give one weight per row, or none for uniform weights."));
        }

        var uniform = new double[count];
        Array.Fill(uniform, 1.0 / count);
        return uniform;
    }

    private static int RowCount(ReadOnlySpan<float> values, int dimension, string which)
    {
        if (dimension < 1 || values.IsEmpty || values.Length % dimension != 0)
        {
            throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                $"The {which} measure has {values.Length} values for dimension {dimension}; it needs a positive whole number of rows of at least one value."));
        }

        return values.Length / dimension;
    }

    private static int CheckedSize(int n, int k)
    {
        long size = (long)n * k;
        if (size > Array.MaxLength)
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"A transport problem of {n} x {k} rows has {size} pairs; at most {Array.MaxLength} fit."),
                "Compare class by class, or compare a random part of the rows.");
        }

        return (int)size;
    }
}

/// <summary>An optimal transport plan with the dual potentials that certify it.</summary>
/// <remarks>
/// For any potentials with u_i + v_j &lt;= c_ij, sum a_i u_i + sum b_j v_j is a lower bound of the optimal cost. The
/// potentials of the larger side are recomputed from those of the smaller one (u_i = min_j (c_ij - v_j)), so they are
/// feasible and <see cref="DualityGap"/> bounds the error of <see cref="Cost"/> whatever the solver did.
/// </remarks>
public sealed class TransportSolution
{
    internal TransportSolution(
        double cost, double dualCost, double[] sourcePotentials, double[] targetPotentials, TransportEntry[] plan)
    {
        Cost = cost;
        DualCost = dualCost;
        SourcePotentials = sourcePotentials;
        TargetPotentials = targetPotentials;
        Plan = plan;
    }

    /// <summary>The optimal cost sum m_ij c_ij; for squared distances this is W2 squared.</summary>
    public double Cost { get; }

    /// <summary>The square root of <see cref="Cost"/>: the Wasserstein-2 distance when costs are squared distances.</summary>
    public double Distance => Math.Sqrt(Cost);

    /// <summary>The certified lower bound of the optimal cost.</summary>
    public double DualCost { get; }

    /// <summary><c>Cost - DualCost</c>: at least the distance of <see cref="Cost"/> from the optimum, up to rounding.</summary>
    public double DualityGap => Cost - DualCost;

    /// <summary>u, one value per row of the first measure.</summary>
    public IReadOnlyList<double> SourcePotentials { get; }

    /// <summary>v, one value per row of the second measure.</summary>
    public IReadOnlyList<double> TargetPotentials { get; }

    /// <summary>The non-zero entries, ordered by source, then target.</summary>
    public IReadOnlyList<TransportEntry> Plan { get; }
}

/// <summary>One non-zero entry of a transport plan.</summary>
/// <param name="Source">Row of the first measure, 0-based.</param>
/// <param name="Target">Row of the second measure, 0-based.</param>
/// <param name="Mass">Mass moved, in units of the first measure's total (all entries together sum to 1).</param>
public readonly record struct TransportEntry(int Source, int Target, double Mass);

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
