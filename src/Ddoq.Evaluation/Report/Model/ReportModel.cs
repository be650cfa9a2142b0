using Ddoq.Evaluation.Comparison;

namespace Ddoq.Evaluation.Report;

/// <summary>Everything a report shows. Parts that are null or empty are left out, with their headings.</summary>
/// <remarks>
/// The writer adds no time, host or random value of its own: the same model gives the same bytes. All text may be any user
/// data; it is escaped.
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

    /// <summary>The arm that changes and differences are measured against, for example <c>D4M</c>; null for none.</summary>
    public string? Baseline { get; init; }

    /// <summary>Headline figures, at most about five; empty derives them from the parts below.</summary>
    public IReadOnlyList<ReportFigure> KeyFigures { get; init; } = [];

    /// <summary>Facts of the run for the head of the page: dataset, classes, images per class, algorithm, seed, device.</summary>
    public IReadOnlyList<ReportFact> Facts { get; init; } = [];

    /// <summary>What the reader must know before believing the numbers: fallbacks, short classes, diverged runs.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Student accuracies.</summary>
    public AccuracyReport? Accuracy { get; init; }

    /// <summary>Distortion and W2 per class and arm.</summary>
    public PrototypeComparison? Prototypes { get; init; }

    /// <summary>The space the distances are measured in, for example <c>SD 1.5 VAE latents, 4x64x64, scaled</c>.</summary>
    public string? LatentSpace { get; init; }

    /// <summary>The classes with their weights, and images where they are to be shown.</summary>
    public IReadOnlyList<ReportClass> Classes { get; init; } = [];

    /// <summary>How weights were made from cluster sizes, for example <c>direct: v / sum v</c>.</summary>
    public string? WeightScheme { get; init; }

    /// <summary>The stages in the order they ran.</summary>
    public IReadOnlyList<ReportStage> Stages { get; init; } = [];

    /// <summary>The effective configuration.</summary>
    public IReadOnlyList<ReportFact> Configuration { get; init; } = [];

    /// <summary>Program, runtime, operating system, processor, devices, packages, with their versions.</summary>
    public IReadOnlyList<ReportFact> Environment { get; init; } = [];

    /// <summary>Files read and written, with their hashes.</summary>
    public IReadOnlyList<ReportArtefact> Artefacts { get; init; } = [];

    /// <summary>What the numbers do and do not say: samples of datasets, untested settings, known limits.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
