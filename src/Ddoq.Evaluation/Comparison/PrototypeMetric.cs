namespace Ddoq.Evaluation.Comparison;

/// <summary>What is measured between the rows of a class and its prototypes. Smaller is better for all.</summary>
public enum PrototypeMetric
{
    /// <summary>W2 with the arm's own weights (1/K each for an arm without weights): the paper's Table 1.</summary>
    Wasserstein,

    /// <summary>W2 with the Voronoi masses, the best weights for the given centres (Prop. 1).</summary>
    WassersteinVoronoi,

    /// <summary>W2 with weights 1/K.</summary>
    WassersteinUniform,

    /// <summary>Quadratic distortion: mean over rows of the squared distance to the nearest centre.</summary>
    Distortion,

    /// <summary>Quadratic distortion on rows that the centres were not fitted to.</summary>
    HeldOutDistortion,
}
