using System.Globalization;

namespace Ddoq.Evaluation.Statistics;

/// <summary>Numbers whose sign is the message: changes and differences.</summary>
internal static class SignedNumber
{
    /// <summary>"+1.3", "−0.2" (U+2212, as wide as the plus), "0.0" for what rounds to zero, "n/a" for NaN.</summary>
    public static string Format(double value, int decimals)
    {
        if (double.IsNaN(value))
            return "n/a";
        string magnitude = Math.Abs(value).ToString(string.Create(CultureInfo.InvariantCulture, $"F{decimals}"), CultureInfo.InvariantCulture);
        bool isZero = magnitude.AsSpan().IndexOfAnyInRange('1', '9') < 0 && double.IsFinite(value);
        return isZero ? magnitude : value > 0 ? "+" + magnitude : "\u2212" + magnitude;
    }

    /// <summary>A relative change as a percentage: "−15.7 %".</summary>
    public static string Percent(double fraction, int decimals = 1) =>
        double.IsNaN(fraction) ? "n/a" : Format(100 * fraction, decimals) + "\u00A0%";
}
