using System.Globalization;

namespace Ddoq.Evaluation.Statistics;

/// <summary>The difference of two arms over the seeds that both ran: the spread common to a seed cancels.</summary>
public sealed class PairedDifference
{
    private PairedDifference(RunStatistics differences, int pairCount)
    {
        Differences = differences;
        PairCount = pairCount;
    }

    /// <summary>First arm minus second arm, one figure per independent draw, ascending by its seed.</summary>
    public RunStatistics Differences { get; }

    /// <summary>Pairs of runs: more than <see cref="RunStatistics.Count"/> of the differences when draws share a seed.</summary>
    public int PairCount { get; }

    /// <summary>The mean difference.</summary>
    public double Mean => Differences.Mean;

    /// <summary>The standard error of the mean difference; NaN for a single draw.</summary>
    public double StandardError => Differences.StandardError;

    /// <summary>Pairs the runs of two arms by key; keys that only one arm has are left out.</summary>
    /// <typeparam name="TKey">What a run is known by: its seed, or its seeds.</typeparam>
    /// <param name="first">Figure by key of the first arm.</param>
    /// <param name="second">Figure by key of the second arm.</param>
    /// <param name="draw">
    /// The draw that a run belongs to: differences of one draw are averaged first, since students of one set are not
    /// independent sets. Null when every run is a draw of its own.
    /// </param>
    /// <exception cref="DdoqException">The arms have no key in common, or a figure is not finite.</exception>
    public static PairedDifference Between<TKey>(
        IReadOnlyDictionary<TKey, double> first, IReadOnlyDictionary<TKey, double> second, Func<TKey, ulong>? draw = null)
        where TKey : notnull
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        TKey[] common = [.. first.Keys.Where(second.ContainsKey).Order()];
        if (common.Length == 0)
        {
            throw new DdoqException(
                $"The arms have no seed in common: {Describe(first.Keys)} against {Describe(second.Keys)}.",
                "Run both arms with the same list of seeds.");
        }

        IEnumerable<double> differences = draw is null
            ? common.Select(Difference)
            : common.GroupBy(draw).OrderBy(group => group.Key).Select(group => group.Average(Difference));
        return new PairedDifference(RunStatistics.From([.. differences]), common.Length);

        double Difference(TKey key) => first[key] - second[key];
    }

    /// <summary>"+1.3 ± 0.2": the mean difference with its sign and its standard error.</summary>
    /// <param name="decimals">Digits after the point, 0 to 15.</param>
    public string Format(int decimals = 1) =>
        Evaluation.Format.WithError(Evaluation.Format.Signed(Mean, decimals), StandardError, decimals);

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Format()} (n = {Differences.Count} pairs)");

    private static string Describe<TKey>(IEnumerable<TKey> keys)
    {
        string list = string.Join(", ", keys.Order().Select(key => string.Create(CultureInfo.InvariantCulture, $"{key}")));
        return list.Length == 0 ? "no runs" : "seeds " + list;
    }
}
