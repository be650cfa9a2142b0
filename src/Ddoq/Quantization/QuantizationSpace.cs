namespace Ddoq.Quantization;

/// <summary>In which coordinates the iterations run. The result is the same up to rounding (and the order of Hartigan's moves).</summary>
public enum QuantizationSpace
{
    /// <summary>Whichever the cost model expects to be quicker for the class.</summary>
    Auto,

    /// <summary>Inner products of the rows of the class are computed once (N x N); an iteration then costs no pass over the rows.</summary>
    Gram,

    /// <summary>Every iteration reads the rows.</summary>
    Direct,
}
