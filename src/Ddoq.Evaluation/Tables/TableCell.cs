using System.Globalization;
using Ddoq.Evaluation.Statistics;

namespace Ddoq.Evaluation.Tables;

/// <summary>One cell: what people read, what programs read, and whether it is the best of its group.</summary>
/// <param name="Text">The text for people, rounded.</param>
/// <param name="Value">The figure for programs, unrounded; null for text.</param>
/// <param name="IsBest">Emphasised.</param>
public readonly record struct TableCell(string Text, double? Value = null, bool IsBest = false)
{
    /// <summary>In the report, the length of a bar before the text, in [0, 1]; null for none.</summary>
    public double? Share { get; init; }

    /// <summary>In the report, values drawn as small sorted bars in place of the text; null for none.</summary>
    public IReadOnlyList<double>? Bars { get; init; }

    /// <summary>Text that a user may copy: a path, an option, a hash.</summary>
    public bool IsCode { get; init; }

    /// <summary>A cell without content.</summary>
    public static TableCell Empty { get; } = new(string.Empty);

    /// <summary>A text cell.</summary>
    public static TableCell Label(string text) => new(text);

    /// <summary>A figure with a fixed number of digits after the point; "n/a" for NaN.</summary>
    public static TableCell Number(double value, int decimals, bool isBest = false) =>
        new(Format.Fixed(value, decimals), value, isBest);

    /// <summary>A whole number with grouped digits.</summary>
    public static TableCell Whole(long value) => new(value.ToString("N0", CultureInfo.InvariantCulture), value);

    /// <summary>A relative change given as a fraction: "−15.7 %".</summary>
    public static TableCell Percent(double fraction, int decimals = 1) =>
        new(Format.SignedPercent(fraction, decimals), fraction);

    /// <summary>Mean and standard error of runs; programs read the mean.</summary>
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

        string text = Format.Fixed(extreme, decimals);
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
}

/// <summary>Which of several figures is emphasised.</summary>
public enum BestIs
{
    /// <summary>None: the figures do not compete.</summary>
    Unmarked,

    /// <summary>The lowest, as for distances.</summary>
    Lowest,

    /// <summary>The highest, as for accuracies.</summary>
    Highest,
}
