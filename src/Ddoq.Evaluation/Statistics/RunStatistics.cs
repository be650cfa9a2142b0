using System.Globalization;

namespace Ddoq.Evaluation.Statistics;

/// <summary>Mean and spread of one figure over repeated runs (seeds).</summary>
public sealed class RunStatistics
{
    private RunStatistics(double[] values, double mean, double standardDeviation)
    {
        Values = values;
        Mean = mean;
        StandardDeviation = standardDeviation;
    }

    /// <summary>The runs' figures, in the order given.</summary>
    public IReadOnlyList<double> Values { get; }

    /// <summary>Number of runs (n).</summary>
    public int Count => Values.Count;

    /// <summary>The arithmetic mean.</summary>
    public double Mean { get; }

    /// <summary>The sample standard deviation (divisor n - 1); NaN for a single run, whose spread is unknown.</summary>
    public double StandardDeviation { get; }

    /// <summary>The standard error of the mean, s / sqrt(n); NaN for a single run.</summary>
    public double StandardError => StandardDeviation / Math.Sqrt(Count);

    /// <summary>Summarises the figures of the runs (two passes: no cancellation).</summary>
    /// <exception cref="DdoqException">No figure was given, or one is not finite.</exception>
    public static RunStatistics From(params ReadOnlySpan<double> values)
    {
        if (values.IsEmpty)
            throw new DdoqException("There are no runs to summarise; at least one is needed.");
        double sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (!double.IsFinite(values[i]))
            {
                throw new DdoqException(
                    string.Create(CultureInfo.InvariantCulture, $"Run {i + 1} of {values.Length} has the figure {values[i]}; figures are finite."),
                    "A run that diverged is reported as failed, not averaged.");
            }

            sum += values[i];
        }

        double mean = sum / values.Length;
        double squares = 0;
        foreach (double value in values)
            squares += (value - mean) * (value - mean);
        double deviation = values.Length > 1 ? Math.Sqrt(squares / (values.Length - 1)) : double.NaN;
        return new RunStatistics(values.ToArray(), mean, deviation);
    }

    /// <summary>"56.2 ± 0.4": mean and standard error; the mean alone for a single run.</summary>
    /// <param name="decimals">Digits after the point, 0 to 15.</param>
    public string Format(int decimals = 1) =>
        Evaluation.Format.WithError(Evaluation.Format.Fixed(Mean, decimals), StandardError, decimals);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Format()} (n = {Count})");
}

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

/// <summary>Spearman's rank correlation: how well one figure orders items as another does.</summary>
public static class RankCorrelation
{
    /// <summary>The correlation of the ranks, in [-1, 1]; ties share the mean of their ranks.</summary>
    /// <param name="first">n finite figures.</param>
    /// <param name="second">n finite figures of the same items.</param>
    /// <returns>NaN for fewer than two items, or when all figures of one side are equal.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static double Spearman(ReadOnlySpan<double> first, ReadOnlySpan<double> second)
    {
        if (first.Length != second.Length)
            throw new ArgumentException($"{first.Length} figures against {second.Length}; one each per item is needed", nameof(second));
        double[] x = Ranks(first), y = Ranks(second);
        double mean = (x.Length + 1) / 2.0, products = 0, squaresX = 0, squaresY = 0;
        for (int i = 0; i < x.Length; i++)
        {
            products += (x[i] - mean) * (y[i] - mean);
            squaresX += (x[i] - mean) * (x[i] - mean);
            squaresY += (y[i] - mean) * (y[i] - mean);
        }

        return products / Math.Sqrt(squaresX * squaresY);
    }

    private static double[] Ranks(ReadOnlySpan<double> values)
    {
        double[] sorted = values.ToArray();
        int[] order = [.. Enumerable.Range(0, sorted.Length)];
        Array.Sort(sorted, order);
        var ranks = new double[sorted.Length];
        for (int first = 0; first < sorted.Length;)
        {
            int end = first + 1;
            while (end < sorted.Length && sorted[end] == sorted[first])
                end++;
            for (int i = first; i < end; i++)
                ranks[order[i]] = (first + 1 + end) / 2.0;
            first = end;
        }

        return ranks;
    }
}
