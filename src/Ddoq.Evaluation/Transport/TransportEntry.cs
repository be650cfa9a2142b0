namespace Ddoq.Evaluation.Transport;

/// <summary>One non-zero entry of a transport plan.</summary>
/// <param name="Source">Row of the first measure, 0-based.</param>
/// <param name="Target">Row of the second measure, 0-based.</param>
/// <param name="Mass">Mass moved, in units of the first measure's total (all entries together sum to 1).</param>
public readonly record struct TransportEntry(int Source, int Target, double Mass);
