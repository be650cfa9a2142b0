namespace Ddoq.Evaluation.Tables;

/// <summary>One column.</summary>
/// <param name="Header">The heading; also the key in JSON and CSV.</param>
/// <param name="Alignment">Right for numbers.</param>
/// <param name="Unit">The unit of the figures, shown after the heading; null for none.</param>
public sealed record TableColumn(string Header, CellAlignment Alignment = CellAlignment.Left, string? Unit = null)
{
    /// <summary>"Time (s)": the heading with its unit.</summary>
    public string Title => Unit is null ? Header : $"{Header} ({Unit})";
}
