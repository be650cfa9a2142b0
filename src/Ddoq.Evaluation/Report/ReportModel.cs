using Ddoq.Evaluation.Accuracy;
using Ddoq.Evaluation.Comparison;
using Ddoq.Evaluation.Tables;

namespace Ddoq.Evaluation.Report;

/// <summary>Everything a report shows. Parts that are null or empty are left out, with their headings.</summary>
/// <remarks>
/// The writer adds no time, host or random value of its own: the same model gives the same bytes. All text may be any user
/// data; it is escaped. An arm has the same name in all parts.
/// </remarks>
public sealed record ReportModel
{
    /// <summary>The heading and the page's title, for example <c>Fashion-MNIST, 10 images per class</c>.</summary>
    public required string Title { get; init; }

    /// <summary>A paragraph under the title: what was distilled, how, and what came out.</summary>
    public string? Summary { get; init; }

    /// <summary>What the report is called above its title.</summary>
    public string Kind { get; init; } = "Dataset distillation report";

    /// <summary>The arm that the report is about: its rows and columns are tinted. Null for none.</summary>
    public string? Highlight { get; init; }

    /// <summary>The arm that changes and differences are measured against, for example <c>d4m</c>; null for none.</summary>
    public string? Baseline { get; init; }

    /// <summary>Headline figures, at most about five; empty derives them from the parts below.</summary>
    public IReadOnlyList<ReportFigure> KeyFigures { get; init; } = [];

    /// <summary>Facts of the run for the head of the page: dataset, classes, images per class, algorithm, seed, device.</summary>
    public IReadOnlyList<ReportFact> Facts { get; init; } = [];

    /// <summary>What the reader must know before believing the numbers: fallbacks, short classes, diverged runs.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>A paragraph that opens the section of the finding; null for the standard one.</summary>
    public string? Finding { get; init; }

    /// <summary>Student accuracies, arms by protocols.</summary>
    public AccuracyComparison? Accuracy { get; init; }

    /// <summary>Scores per arm, in the order of their table.</summary>
    public IReadOnlyList<(string Arm, DatasetScores Scores)> Scores { get; init; } = [];

    /// <summary>Distances of the prototypes to the data, before they were pushed through the generator; arms of real images have none.</summary>
    public PrototypeComparison? Prototypes { get; init; }

    /// <summary>Distances of the latents of the finished images to the data, after the push-forward.</summary>
    public PrototypeComparison? Images { get; init; }

    /// <summary>The space the distances are measured in, for example <c>SD 1.5 VAE latents, 4x64x64, scaled</c>.</summary>
    public string? LatentSpace { get; init; }

    /// <summary>One class's candidates, of which some were chosen.</summary>
    public CandidateSheet? Candidates { get; init; }

    /// <summary>The classes with their weights, and images where they are to be shown.</summary>
    public IReadOnlyList<ReportClass> Classes { get; init; } = [];

    /// <summary>How weights were made from cluster sizes, for example <c>direct: v / sum v</c>.</summary>
    public string? WeightScheme { get; init; }

    /// <summary>The stages in the order they ran.</summary>
    public IReadOnlyList<StageTime> Stages { get; init; } = [];

    /// <summary>The effective configuration.</summary>
    public IReadOnlyList<ReportFact> Configuration { get; init; } = [];

    /// <summary>Program, runtime, operating system, processor, devices, packages, with their versions.</summary>
    public IReadOnlyList<ReportFact> Environment { get; init; } = [];

    /// <summary>Files read and written, with their hashes.</summary>
    public IReadOnlyList<ReportArtefact> Artefacts { get; init; } = [];

    /// <summary>Other tables, a section each, by the section's title.</summary>
    public IReadOnlyList<(string Section, ComparisonTable Table)> Tables { get; init; } = [];

    /// <summary>What the numbers do and do not say: samples of datasets, untested settings, known limits.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>A headline figure.</summary>
/// <param name="Label">What it is, for example <c>W2 against D4M</c>.</param>
/// <param name="Value">The figure with its unit.</param>
/// <param name="Detail">Its conditions, for example <c>3 sets, protocol rded</c>.</param>
public sealed record ReportFigure(string Label, string Value, string? Detail = null);

/// <summary>A name and a value.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Value">Its value.</param>
/// <param name="IsCode">True for values a user may copy: options, paths, hashes.</param>
public sealed record ReportFact(string Name, string Value, bool IsCode = false);

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

/// <summary>One distilled image.</summary>
/// <param name="Png">The PNG file; it is embedded unchanged.</param>
/// <param name="Weight">Its weight in the student's loss.</param>
/// <param name="ClusterSize">Training images it stands for; null when not known.</param>
public sealed record ReportImage(ReadOnlyMemory<byte> Png, double Weight, long? ClusterSize = null);

/// <summary>The candidates of one class, from which the selection kept some.</summary>
/// <param name="ClassName">The class.</param>
/// <param name="Objective">What the selection minimised, for example <c>energy</c>.</param>
/// <param name="Candidates">All candidates, in the order to show; those of one prototype follow each other.</param>
public sealed record CandidateSheet(string ClassName, string Objective, IReadOnlyList<ReportCandidate> Candidates);

/// <summary>One candidate image.</summary>
/// <param name="Png">The PNG file; it is embedded unchanged.</param>
/// <param name="Prototype">The prototype it was drawn from, 0-based; null where there are no prototypes.</param>
/// <param name="IsChosen">Whether it was kept.</param>
/// <param name="Weight">Its weight when kept; null for equal weights.</param>
public sealed record ReportCandidate(ReadOnlyMemory<byte> Png, int? Prototype, bool IsChosen, double? Weight = null);

/// <summary>One stage of the run.</summary>
/// <param name="Name">The command's name, for example <c>quantize</c>.</param>
/// <param name="Duration">Wall-clock time.</param>
/// <param name="Items">Units of work; null when they do not apply.</param>
/// <param name="Unit">Plural name of a unit, for example <c>images</c>.</param>
/// <param name="Detail">Where and how, for example the device; <c>resumed, complete before</c> for a skipped stage.</param>
public sealed record StageTime(
    string Name, TimeSpan Duration, long? Items = null, string? Unit = null, string? Detail = null);

/// <summary>A file or folder of the run.</summary>
/// <param name="Path">Its path relative to the run's folder.</param>
/// <param name="Bytes">Its size; null when not known.</param>
/// <param name="Hash">Its hash with the algorithm, for example <c>sha256:9f03...</c>; null when not computed.</param>
/// <param name="Role">What it is, for example <c>input</c>, <c>teacher</c>, <c>distilled images</c>.</param>
public sealed record ReportArtefact(string Path, long? Bytes = null, string? Hash = null, string? Role = null);
