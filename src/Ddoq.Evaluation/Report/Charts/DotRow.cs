namespace Ddoq.Evaluation.Report.Charts;

/// <summary>One line of a dot chart.</summary>
/// <param name="Label">At the left.</param>
/// <param name="Dots">The marks.</param>
/// <param name="Value">Text at the right; null for none.</param>
/// <param name="IsEmphasised">The chart's subject.</param>
/// <param name="IsReference">The axis is not widened for it: off the axis, an arrow stands for the mark.</param>
internal sealed record DotRow(
    string Label, IReadOnlyList<Dot> Dots, string? Value = null, bool IsEmphasised = false, bool IsReference = false);

/// <summary>One mark: a figure of a series, optionally with an interval or the single runs behind it.</summary>
/// <param name="Series">Decides shape and colour.</param>
/// <param name="Value">The position.</param>
/// <param name="HalfWidth">Half the width of the interval around it; 0 or NaN for none.</param>
/// <param name="Runs">Single values, drawn as small dots below the mark.</param>
internal sealed record Dot(int Series, double Value, double HalfWidth = 0, IReadOnlyList<double>? Runs = null);
