namespace Ddoq.Quantization;

/// <summary>How a prototype's weight in training follows from its count v_k among the K of its class.</summary>
public enum WeightRule
{
    /// <summary>1 for every prototype (D4M).</summary>
    None,

    /// <summary><c>sqrt(K * v_k / sum v)</c>: the squares sum to K, equal counts give 1 (eq. 34 of the DDOQ paper). The default.</summary>
    SquareRoot,

    /// <summary><c>v_k / sum v</c>: the Voronoi masses; they sum to 1 per class (Algorithm 1).</summary>
    Direct,

    /// <summary>
    /// Proportional to <c>1 / v_k</c> over the centres that have rows, summing to 1 per class: a control, after the words
    /// of the paper's ablation, which contradict its own algorithm.
    /// </summary>
    Inverse,
}
