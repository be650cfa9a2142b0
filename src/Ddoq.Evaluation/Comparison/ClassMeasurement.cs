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

    /// <summary>Points of the arm in the class (K).</summary>
    public required int PrototypeCount { get; init; }

    /// <summary>W2 with the arm's own weights.</summary>
    public required double Wasserstein { get; init; }

    /// <summary>W2 with the Voronoi masses.</summary>
    public required double WassersteinVoronoi { get; init; }

    /// <summary>W2 with weights 1/K.</summary>
    public required double WassersteinUniform { get; init; }

    /// <summary>Mean over rows of the squared distance to the nearest point.</summary>
    public required double Distortion { get; init; }

    /// <summary>The distortion on held-out rows; null when there are none.</summary>
    public double? HeldOutDistortion { get; init; }

    /// <summary>Share of the rows' variance that the nearest points explain: 1 - distortion / variance; null for a measurement from elsewhere that lacks it, and for rows without variance.</summary>
    public double? VarianceExplained { get; init; }

    /// <summary>Energy distance with the arm's own weights; null for a measurement from elsewhere that lacks it.</summary>
    public double? EnergyDistance { get; init; }

    /// <summary>Variance of the arm's weighted points over that of the rows; null likewise, and for rows without variance.</summary>
    public double? VarianceKept { get; init; }

    /// <summary>Rows nearest to each point (ties to the lower index): K counts that sum to N.</summary>
    public required IReadOnlyList<int> ClusterSizes { get; init; }

    /// <summary>(sum w)^2 / sum w^2 of the arm's own weights: K for equal weights, 1 when one point has it all.</summary>
    public required double EffectiveSampleSize { get; init; }

    /// <summary>The largest certified error of the three squared distances, relative to each.</summary>
    public required double RelativeDualityGap { get; init; }

    /// <summary>One figure by its name; null for a figure that was not measured.</summary>
    public double? Value(PrototypeMetric metric) => metric switch
    {
        PrototypeMetric.Wasserstein => Wasserstein,
        PrototypeMetric.WassersteinVoronoi => WassersteinVoronoi,
        PrototypeMetric.WassersteinUniform => WassersteinUniform,
        PrototypeMetric.Distortion => Distortion,
        PrototypeMetric.HeldOutDistortion => HeldOutDistortion,
        PrototypeMetric.VarianceExplained => VarianceExplained,
        PrototypeMetric.Energy => EnergyDistance,
        PrototypeMetric.VarianceKept => VarianceKept,
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, "Not a prototype metric."),
    };
}

/// <summary>What is measured between the rows of a class and an arm's points. Smaller is better, but for the variance explained and kept.</summary>
public enum PrototypeMetric
{
    /// <summary>W2 with the arm's own weights (1/K each for an arm without weights): the paper's Table 1.</summary>
    Wasserstein,

    /// <summary>W2 with the Voronoi masses, the best weights for the given points (Prop. 1).</summary>
    WassersteinVoronoi,

    /// <summary>W2 with weights 1/K.</summary>
    WassersteinUniform,

    /// <summary>Quadratic distortion: mean over rows of the squared distance to the nearest point.</summary>
    Distortion,

    /// <summary>Quadratic distortion on rows that the points were not fitted to.</summary>
    HeldOutDistortion,

    /// <summary>Share of the data's variance that the nearest points explain: 1 - distortion / variance.</summary>
    VarianceExplained,

    /// <summary>
    /// Energy distance 2 E|X - Z| - E|X - X'| - E|Z - Z'| with the arm's own weights. Unlike W2 it does not favour points that
    /// huddle around the mean. Source: Székely, Rizzo, "Energy statistics" (2013).
    /// </summary>
    Energy,

    /// <summary>
    /// Variance of the weighted points over the data's, summed over all dimensions: 1 when nothing is lost. Conditional means
    /// keep 1 - distortion / variance.
    /// </summary>
    VarianceKept,
}
