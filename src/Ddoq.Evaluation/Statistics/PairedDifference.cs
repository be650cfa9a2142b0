using System.Globalization;

namespace Ddoq.Evaluation.Statistics;

/// <summary>The difference of two arms over the seeds that both ran: the spread common to a seed cancels.</summary>
public sealed class PairedDifference
{
    private PairedDifference(ulong[] seeds, RunStatistics differences)
    {
        Seeds = seeds;
        Differences = differences;
    }

    /// <summary>The common seeds, ascending.</summary>
    public IReadOnlyList<ulong> Seeds { get; }

    /// <summary>First arm minus second arm, one figure per seed of <see cref="Seeds"/>.</summary>
    public RunStatistics Differences { get; }

    /// <summary>The mean difference.</summary>
    public double Mean => Differences.Mean;

    /// <summary>The standard error of the mean difference; NaN for a single common seed.</summary>
    public double StandardError => Differences.StandardError;

    /// <summary>
    /// Half the width of the two-sided 95 % interval of the mean difference (Student's t with n - 1 degrees of freedom; it
    /// supposes roughly normal differences); NaN for a single common seed.
    /// </summary>
    public double HalfWidth95 => Differences.Count > 1
        ? StudentT.Quantile975(Differences.Count - 1) * StandardError
        : double.NaN;

    /// <summary>Pairs the runs of two arms by seed; seeds that only one arm ran are left out.</summary>
    /// <param name="first">Figure by seed of the first arm.</param>
    /// <param name="second">Figure by seed of the second arm.</param>
    /// <exception cref="DdoqException">The arms have no seed in common, or a figure is not finite.</exception>
    public static PairedDifference Between(
        IReadOnlyDictionary<ulong, double> first, IReadOnlyDictionary<ulong, double> second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        ulong[] seeds = [.. first.Keys.Where(second.ContainsKey).Order()];
        if (seeds.Length == 0)
        {
            throw new DdoqException(
                $"The arms have no seed in common: {Describe(first)} against {Describe(second)}.",
                "Run both arms with the same list of seeds.");
        }

        return new PairedDifference(seeds, RunStatistics.From([.. seeds.Select(seed => first[seed] - second[seed])]));
    }

    /// <summary>"+1.3 ± 0.2": the mean difference with its sign and its standard error.</summary>
    /// <param name="decimals">Digits after the point, 0 to 15.</param>
    public string Format(int decimals = 1)
    {
        string mean = SignedNumber.Format(Mean, decimals);
        return Differences.Count == 1
            ? mean
            : $"{mean} ± {StandardError.ToString(string.Create(CultureInfo.InvariantCulture, $"F{decimals}"), CultureInfo.InvariantCulture)}";
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Format()} (n = {Differences.Count} pairs)");

    private static string Describe(IReadOnlyDictionary<ulong, double> runs) =>
        runs.Count == 0 ? "no runs" : "seeds " + string.Join(", ", runs.Keys.Order().Select(s => s.ToString(CultureInfo.InvariantCulture)));
}
