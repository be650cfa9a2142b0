using System.Globalization;
using Ddoq.Evaluation.Statistics;

namespace Ddoq.Evaluation.Tables;

/// <summary>One cell: what people read, what programs read, and whether it is the best of its group.</summary>
/// <param name="Text">The text for people, rounded.</param>
/// <param name="Value">The figure for programs, unrounded; null for text.</param>
/// <param name="IsBest">Emphasised.</param>
public readonly record struct TableCell(string Text, double? Value = null, bool IsBest = false)
{
    /// <summary>A cell without content.</summary>
    public static TableCell Empty { get; } = new(string.Empty);

    /// <summary>A text cell.</summary>
    public static TableCell Label(string text) => new(text);

    /// <summary>A figure with a fixed number of digits after the point; "n/a" for NaN.</summary>
    public static TableCell Number(double value, int decimals, bool isBest = false) =>
        new(Format(value, decimals), value, isBest);

    /// <summary>A whole number with grouped digits.</summary>
    public static TableCell Whole(long value) => new(value.ToString("N0", CultureInfo.InvariantCulture), value);

    /// <summary>A relative change given as a fraction: "−15.7 %".</summary>
    public static TableCell Percent(double fraction, int decimals = 1) =>
        new(SignedNumber.Percent(fraction, decimals), fraction);

    /// <summary>Mean and standard deviation of runs; programs read the mean.</summary>
    public static TableCell Runs(RunStatistics runs, int decimals = 1, bool isBest = false)
    {
        ArgumentNullException.ThrowIfNull(runs);
        return new TableCell(runs.Format(decimals), runs.Mean, isBest);
    }

    /// <summary>Figures that compete: all that read the same as the best are emphasised, unless all do.</summary>
    /// <param name="values">The figures; NaN never is the best.</param>
    /// <param name="decimals">Digits after the point.</param>
    /// <param name="best">Which end is better.</param>
    public static TableCell[] Numbers(ReadOnlySpan<double> values, int decimals, BestIs best)
    {
        var cells = new TableCell[values.Length];
        double extreme = double.NaN;
        for (int i = 0; i < values.Length; i++)
        {
            cells[i] = Number(values[i], decimals);
            bool better = best == BestIs.Highest ? values[i] > extreme : values[i] < extreme;
            if (!double.IsNaN(values[i]) && (double.IsNaN(extreme) || better))
                extreme = values[i];
        }

        string text = Format(extreme, decimals);
        if (best == BestIs.Unmarked || double.IsNaN(extreme) || Array.TrueForAll(cells, cell => cell.Text == text))
            return cells;
        for (int i = 0; i < cells.Length; i++)
            cells[i] = cells[i] with { IsBest = cells[i].Text == text };
        return cells;
    }

    /// <summary>A text cell from a string.</summary>
    public static implicit operator TableCell(string text) => Label(text);

    /// <summary>A text cell from a string.</summary>
    public static TableCell FromString(string text) => Label(text);

    private static string Format(double value, int decimals) => double.IsNaN(value)
        ? "n/a"
        : value.ToString(string.Create(CultureInfo.InvariantCulture, $"F{decimals}"), CultureInfo.InvariantCulture);
}
