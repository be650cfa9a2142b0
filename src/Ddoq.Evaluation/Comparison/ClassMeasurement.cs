namespace Ddoq.Evaluation.Comparison;

/// <summary>The figures of one arm on one class.</summary>
public sealed record ClassMeasurement
{
    /// <summary>The arm's name.</summary>
    public required string Arm { get; init; }

    /// <summary>The class, 0-based.</summary>
    public required int ClassIndex { get; init; }

    /// <summary>The class's name.</summary>
    public required string ClassName { get; init; }

    /// <summary>Rows of the class (N).</summary>
    public required int RowCount { get; init; }

    /// <summary>Prototypes of the class (K).</summary>
    public required int PrototypeCount { get; init; }

    /// <summary>W2 with the arm's own weights.</summary>
    public required double Wasserstein { get; init; }

    /// <summary>W2 with the Voronoi masses.</summary>
    public required double WassersteinVoronoi { get; init; }

    /// <summary>W2 with weights 1/K.</summary>
    public required double WassersteinUniform { get; init; }

    /// <summary>Mean over rows of the squared distance to the nearest centre.</summary>
    public required double Distortion { get; init; }

    /// <summary>The distortion on held-out rows; null when there are none.</summary>
    public double? HeldOutDistortion { get; init; }

    /// <summary>Rows nearest to each centre (ties to the lower index): K counts that sum to N.</summary>
    public required IReadOnlyList<int> ClusterSizes { get; init; }

    /// <summary>(sum w)^2 / sum w^2 of the arm's own weights: K for equal weights, 1 when one prototype has it all.</summary>
    public required double EffectiveSampleSize { get; init; }

    /// <summary>The largest certified error of the three squared distances, relative to each.</summary>
    public required double RelativeDualityGap { get; init; }

    /// <summary>One figure by its name; null for a held-out figure that was not measured.</summary>
    public double? Value(PrototypeMetric metric) => metric switch
    {
        PrototypeMetric.Wasserstein => Wasserstein,
        PrototypeMetric.WassersteinVoronoi => WassersteinVoronoi,
        PrototypeMetric.WassersteinUniform => WassersteinUniform,
        PrototypeMetric.Distortion => Distortion,
        PrototypeMetric.HeldOutDistortion => HeldOutDistortion,
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, "Not a prototype metric."),
    };
}
