using System.Globalization;

namespace Ddoq.Evaluation.Report.Charts;

/// <summary>A linear axis with round tick values.</summary>
internal sealed class LinearScale
{
    private readonly int _decimals;

    private LinearScale(double minimum, double maximum, double step, int decimals)
    {
        Minimum = minimum;
        Maximum = maximum;
        _decimals = decimals;
        int count = (int)Math.Round((maximum - minimum) / step);
        Ticks = [.. Enumerable.Range(0, count + 1).Select(i => minimum + (i * step))];
    }

    public double Minimum { get; }

    public double Maximum { get; }

    public IReadOnlyList<double> Ticks { get; }

    /// <summary>An axis over all values, widened to round numbers (1, 2 or 5 times a power of ten apart).</summary>
    /// <param name="low">The smallest value.</param>
    /// <param name="high">The largest value.</param>
    /// <param name="targetTicks">About how many steps.</param>
    public static LinearScale Cover(double low, double high, int targetTicks = 6)
    {
        if (!(high > low))
        {
            double margin = low == 0 ? 1 : Math.Abs(low) * 0.05;
            (low, high) = (low - margin, high + margin);
        }

        double rough = (high - low) / targetTicks;
        int exponent = (int)Math.Floor(Math.Log10(rough));
        double power = Math.Pow(10, exponent);
        double fraction = rough / power;
        double step = (fraction <= 1.0001 ? 1 : fraction <= 2.0001 ? 2 : fraction <= 5.0001 ? 5 : 10) * power;
        double minimum = Math.Floor((low / step) + 1e-9) * step;
        double maximum = Math.Ceiling((high / step) - 1e-9) * step;
        int decimals = Math.Max(0, -(int)Math.Floor(Math.Log10(step) + 1e-9));
        return new LinearScale(minimum, maximum, step, decimals);
    }

    /// <summary>The position of a value on a stretch of pixels.</summary>
    public double Map(double value, double from, double to) =>
        from + ((value - Minimum) / (Maximum - Minimum) * (to - from));

    /// <summary>A tick's label.</summary>
    public string Label(double tick)
    {
        string format = string.Create(CultureInfo.InvariantCulture, $"N{Math.Min(_decimals, 10)}");
        // Ticks are multiples of the step up to rounding: no "-0".
        double clean = Math.Abs(tick) < (Maximum - Minimum) * 1e-9 ? 0 : tick;
        return clean.ToString(format, CultureInfo.InvariantCulture).Replace('-', '\u2212');
    }
}
