namespace Ddoq.Quantization.Algorithms;

/// <summary>What a run of an algorithm reports besides the centres it leaves in the space.</summary>
/// <param name="Iterations">Iterations, batches or steps.</param>
/// <param name="Moves">Rows moved by Hartigan's test.</param>
/// <param name="CentroidsAreMeans">Whether every centre with rows is the weighted mean of the context's labels.</param>
/// <param name="RunningCounts">The algorithm's own counts, if it keeps any.</param>
/// <param name="RunningMasses">The same in weights of rows, of a class with weights.</param>
/// <param name="CompanionWeights">CLVQ's weights.</param>
internal readonly record struct AlgorithmOutcome(
    long Iterations,
    long Moves = 0,
    bool CentroidsAreMeans = false,
    long[]? RunningCounts = null,
    double[]? RunningMasses = null,
    double[]? CompanionWeights = null);
