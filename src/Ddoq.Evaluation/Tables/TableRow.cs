namespace Ddoq.Evaluation.Tables;

/// <summary>One row.</summary>
/// <param name="Cells">One cell per column.</param>
/// <param name="IsSummary">True for means and changes, which are set apart from the figures they summarise.</param>
public sealed record TableRow(IReadOnlyList<TableCell> Cells, bool IsSummary = false);
