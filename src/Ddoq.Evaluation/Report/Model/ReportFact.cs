namespace Ddoq.Evaluation.Report;

/// <summary>A name and a value.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Value">Its value.</param>
/// <param name="IsCode">True for values a user may copy: options, paths, hashes.</param>
public sealed record ReportFact(string Name, string Value, bool IsCode = false);
