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

    /// <summary>The optimal-quantisation prototypes decoded as they are, without diffusion.</summary>
    Decoded,

    /// <summary>The random real images of <see cref="Random"/> through encoder and decoder.</summary>
    RandomDecoded,

    /// <summary>Generated from pure noise with the class label only.</summary>
    Noise,
}
