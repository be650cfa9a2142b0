namespace Ddoq.Evaluation.Report;

/// <summary>A file or folder of the run.</summary>
/// <param name="Path">Its path relative to the run's folder.</param>
/// <param name="Bytes">Its size; null when not known.</param>
/// <param name="Hash">Its hash with the algorithm, for example <c>sha256:9f03...</c>; null when not computed.</param>
/// <param name="Role">What it is, for example <c>input</c>, <c>teacher</c>, <c>distilled images</c>.</param>
public sealed record ReportArtefact(string Path, long? Bytes = null, string? Hash = null, string? Role = null);
