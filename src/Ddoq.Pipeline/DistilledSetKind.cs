namespace Ddoq.Pipeline;

/// <summary>Where the images of a distilled set come from.</summary>
public enum DistilledSetKind
{
    /// <summary>Optimal-quantisation prototypes, through the reverse diffusion.</summary>
    Ddoq,

    /// <summary>D4M's mini-batch k-means prototypes, through the same reverse diffusion.</summary>
    D4m,

    /// <summary>Random real images of the training set.</summary>
    Random,

    /// <summary>Generated from pure noise with the class label only.</summary>
    Noise,
}
