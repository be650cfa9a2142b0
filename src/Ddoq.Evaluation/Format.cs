using System.Globalization;

namespace Ddoq.Evaluation;

/// <summary>Numbers as tables and the report write them.</summary>
internal static class Format
{
    /// <summary>A thin space between a number and its unit, which does not break the line.</summary>
    public const string UnitSpace = "\u202F";

    /// <summary>A coordinate: at most two decimals, no exponent, the same bytes on every machine.</summary>
    public static string Coordinate(double value) =>
        (Math.Round(value, 2, MidpointRounding.AwayFromZero) + 0.0).ToString("0.##", CultureInfo.InvariantCulture);

    /// <summary>A fixed number of digits after the point; "n/a" for NaN.</summary>
    public static string Fixed(double value, int decimals) => double.IsNaN(value)
        ? "n/a"
        : value.ToString(string.Create(CultureInfo.InvariantCulture, $"F{decimals}"), CultureInfo.InvariantCulture);

    /// <summary>A change or difference: "+1.3", "−0.2" (U+2212, as wide as the plus), "0.0" for what rounds to zero.</summary>
    public static string Signed(double value, int decimals)
    {
        if (double.IsNaN(value))
            return "n/a";
        string magnitude = Fixed(Math.Abs(value), decimals);
        bool isZero = magnitude.AsSpan().IndexOfAnyInRange('1', '9') < 0 && double.IsFinite(value);
        return isZero ? magnitude : value > 0 ? "+" + magnitude : "\u2212" + magnitude;
    }

    /// <summary>A relative change as a percentage: "−15.7 %".</summary>
    public static string SignedPercent(double fraction, int decimals = 1) =>
        double.IsNaN(fraction) ? "n/a" : Signed(100 * fraction, decimals) + "\u00A0%";

    /// <summary>"61.2 ± 0.4", or the figure alone where the error is not known.</summary>
    public static string WithError(string figure, double error, int decimals) =>
        double.IsNaN(error) ? figure : $"{figure} ± {Fixed(error, decimals)}";

    public static string Whole(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Three significant digits without an exponent, as far as that is readable.</summary>
    public static string Significant(double value)
    {
        double magnitude = Math.Abs(value);
        if (magnitude == 0)
            return "0";
        if (magnitude is < 1e-4 or >= 1e7)
            return value.ToString("0.##e+0", CultureInfo.InvariantCulture);
        int decimals = Math.Clamp(2 - (int)Math.Floor(Math.Log10(magnitude)), 0, 6);
        return value.ToString(string.Create(CultureInfo.InvariantCulture, $"N{decimals}"), CultureInfo.InvariantCulture);
    }

    /// <summary>Digits after the point at which figures of this size have about four significant digits.</summary>
    public static int DecimalsFor(double magnitude) =>
        magnitude > 0 ? Math.Clamp(3 - (int)Math.Floor(Math.Log10(magnitude)), 0, 7) : 0;

    public static string Duration(TimeSpan duration)
    {
        double seconds = duration.TotalSeconds;
        if (seconds < 0.9995)
            return Fixed(seconds * 1000, 0) + UnitSpace + "ms";
        if (seconds < 59.95)
            return Fixed(seconds, 1) + UnitSpace + "s";
        long whole = (long)Math.Round(seconds);
        if (whole < 3600)
            return string.Create(CultureInfo.InvariantCulture, $"{whole / 60}{UnitSpace}min {whole % 60:00}{UnitSpace}s");
        long minutes = (long)Math.Round(seconds / 60);
        return string.Create(CultureInfo.InvariantCulture, $"{minutes / 60}{UnitSpace}h {minutes % 60:00}{UnitSpace}min");
    }

    public static string Bytes(long bytes)
    {
        ReadOnlySpan<string> units = ["B", "kB", "MB", "GB", "TB"];
        double value = bytes;
        int unit = 0;
        while (value >= 999.5 && unit < units.Length - 1)
        {
            value /= 1000;
            unit++;
        }

        return (unit == 0 ? Whole(bytes) : Fixed(value, value < 9.95 ? 1 : 0)) + UnitSpace + units[unit];
    }

    /// <summary>"1 image", "2 images".</summary>
    public static string Count(long count, string singular, string plural) =>
        $"{Whole(count)} {(count == 1 ? singular : plural)}";
}
