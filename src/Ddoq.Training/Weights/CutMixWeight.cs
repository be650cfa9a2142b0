namespace Ddoq.Training.Weights;

/// <summary>Which weight a CutMix image has, made of a base image and a box from a partner.</summary>
public enum CutMixWeight
{
    /// <summary>The base image's, as in the released code of WMDD.</summary>
    Base,

    /// <summary>lambda w(base) + (1 - lambda) w(partner), with lambda the base's share of the pixels after clipping the box.</summary>
    Mix,
}
