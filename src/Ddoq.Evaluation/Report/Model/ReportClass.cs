namespace Ddoq.Evaluation.Report;

/// <summary>One class of the distilled set.</summary>
/// <param name="Name">The class's name.</param>
/// <param name="Images">
/// The images to show, in order; they are embedded, so a large dataset shows some classes and gives the others no images.
/// </param>
/// <param name="Weights">All weights of the class; null takes those of <paramref name="Images"/>.</param>
public sealed record ReportClass(string Name, IReadOnlyList<ReportImage> Images, IReadOnlyList<double>? Weights = null)
{
    /// <summary>All weights of the class, those of images that are not shown included.</summary>
    internal double[] AllWeights => [.. Weights ?? Images.Select(image => image.Weight)];
}
