namespace Ddoq.Evaluation.Tables;

/// <summary>Where a column's cells stand.</summary>
public enum CellAlignment
{
    /// <summary>Text.</summary>
    Left,

    /// <summary>Numbers.</summary>
    Right,
}
