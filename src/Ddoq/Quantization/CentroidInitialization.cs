namespace Ddoq.Quantization;

/// <summary>Where the first centres come from.</summary>
public enum CentroidInitialization
{
    /// <summary>
    /// Greedy k-means++: each next centre is the best of <c>2 + floor(ln K)</c> rows drawn with probability proportional
    /// to the squared distance to the nearest centre so far.
    /// </summary>
    GreedyKMeansPlusPlus,

    /// <summary>K distinct rows drawn uniformly.</summary>
    Random,

    /// <summary>The centres in <see cref="QuantizerOptions.InitialCentroids"/>.</summary>
    Given,
}
