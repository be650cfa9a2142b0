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
