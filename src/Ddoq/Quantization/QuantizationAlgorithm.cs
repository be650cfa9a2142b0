namespace Ddoq.Quantization;

/// <summary>How the centres of one class are found.</summary>
public enum QuantizationAlgorithm
{
    /// <summary>
    /// The mini-batch pass of D4M: one buffer of <c>KmExpand * K</c> rows at a time, labels against the old centres, then
    /// <c>centre = (count * centre + sum of rows) / (count + rows)</c>; rows left over at the end are not used.
    /// </summary>
    D4m,

    /// <summary>Competitive learning vector quantisation, one random row per step (Algorithm 2 of the DDOQ paper).</summary>
    Clvq,

    /// <summary>Mini-batch k-means on random batches with early stopping, as scikit-learn's <c>MiniBatchKMeans.fit</c>.</summary>
    MiniBatch,

    /// <summary>Lloyd's iteration from the initial centres until no label changes (Algorithm 3).</summary>
    Lloyd,

    /// <summary>
    /// Lloyd, then single-row moves accepted by Hartigan's test, which also counts what the move does to both means:
    /// lower distortion wherever cells have few rows. The default.
    /// </summary>
    Hartigan,

    /// <summary>
    /// Support points: K points of equal weight with the least energy distance to the rows. They keep the variance that the
    /// other algorithms' means lose. Their number in a cell is what a final assignment counts; their weights are 1/K by construction.
    /// </summary>
    Support,
}
