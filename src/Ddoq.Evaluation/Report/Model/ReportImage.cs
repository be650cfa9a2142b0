namespace Ddoq.Evaluation.Report;

/// <summary>One distilled image.</summary>
/// <param name="Png">The PNG file; it is embedded unchanged.</param>
/// <param name="Weight">Its weight in the student's loss.</param>
/// <param name="ClusterSize">Training images it stands for; null when not known.</param>
public sealed record ReportImage(ReadOnlyMemory<byte> Png, double Weight, long? ClusterSize = null);
