namespace Ddoq.Evaluation.Report;

/// <summary>One training set with its runs under one protocol.</summary>
public sealed record AccuracyArm
{
    /// <summary>The training set, for example <c>DDOQ</c>, <c>w = 1</c>, <c>random real</c>, <c>full data</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The named protocol; only arms of one protocol and student are put side by side.</summary>
    public required string Protocol { get; init; }

    /// <summary>The student network.</summary>
    public required string Student { get; init; }

    /// <summary>The runs, one per seed, at least one.</summary>
    public required IReadOnlyList<AccuracyRun> Runs { get; init; }

    /// <summary>Images per class; null for the full data.</summary>
    public int? ImagesPerClass { get; init; }

    /// <summary>Optimiser updates of one run: arms with different numbers did not get the same training.</summary>
    public long? Updates { get; init; }

    /// <summary>True for arms outside the competition, such as the full data: never marked as the best.</summary>
    public bool IsReference { get; init; }
}
