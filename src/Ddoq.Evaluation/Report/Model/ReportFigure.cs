namespace Ddoq.Evaluation.Report;

/// <summary>A headline figure.</summary>
/// <param name="Label">What it is, for example <c>W2 against D4M</c>.</param>
/// <param name="Value">The figure with its unit.</param>
/// <param name="Detail">Its conditions, for example <c>3 seeds, protocol rded</c>.</param>
public sealed record ReportFigure(string Label, string Value, string? Detail = null);
