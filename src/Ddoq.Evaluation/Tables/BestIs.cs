namespace Ddoq.Evaluation.Tables;

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
