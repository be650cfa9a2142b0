namespace Ddoq.Evaluation.Report;

/// <summary>One stage of the run.</summary>
/// <param name="Name">The command's name, for example <c>quantize</c>.</param>
/// <param name="Duration">Wall-clock time.</param>
/// <param name="Items">Units of work; null when they do not apply.</param>
/// <param name="Unit">Plural name of a unit, for example <c>images</c>.</param>
/// <param name="Detail">Where and how, for example the device; <c>resumed, complete before</c> for a skipped stage.</param>
public sealed record ReportStage(
    string Name, TimeSpan Duration, long? Items = null, string? Unit = null, string? Detail = null);
