using Ddoq.Quantization.Algorithms;

namespace Ddoq.Quantization.Spaces;

/// <summary>Chooses the coordinates of a class from its size and the options alone.</summary>
/// <remarks>
/// Unit: one multiply-add of the packed kernels. The Gram matrix costs <c>N^2 D / 2</c>; each pass in direct space costs
/// <c>N D (K + 14)</c>: reading and converting a value takes as long as 14 centres do (measured between K = 10 and 200). Passes expected: Lloyd 15 from greedy k-means++; Hartigan's moves as many
/// again; mini-batch about 30 passes' worth of batches (scikit-learn's stopping rule); greedy k-means++ itself one pass
/// per trial.
/// </remarks>
internal static class SpaceCostModel
{
    /// <summary>Rows above which the Gram matrix is not considered: 4 N^2 bytes per worker, 256 MiB here.</summary>
    public const int MostRows = 8192;

    private const double ConversionInCentroids = 14;
    private const double LloydPasses = 15;
    private const double MiniBatchPasses = 30;

    // One row at a time against unpacked centres runs at the speed of memory.
    private const double SingleRowFactor = 6;

    /// <summary>The cheaper space for a class.</summary>
    public static QuantizationSpace Choose(QuantizerOptions options, int rows, int centroids, int dimension)
    {
        if (options.Space != QuantizationSpace.Auto)
            return options.Space;
        if (rows > MostRows || (options.Algorithm == QuantizationAlgorithm.Support && options.Initialization == CentroidInitialization.Given))
            return QuantizationSpace.Direct;
        double product = (double)rows * dimension;
        double gram = product * rows / 2;
        double direct = product * (centroids + ConversionInCentroids) * DirectPasses(options, rows, centroids) * options.Restarts;
        return gram <= direct ? QuantizationSpace.Gram : QuantizationSpace.Direct;
    }

    private static double DirectPasses(QuantizerOptions options, int rows, int centroids)
    {
        double first = options.Initialization == CentroidInitialization.GreedyKMeansPlusPlus ? 2 + Math.Log(centroids) : 0;
        return options.Algorithm switch
        {
            QuantizationAlgorithm.D4m => options.Passes + (first * Math.Min(1, (double)options.KmExpand * centroids / rows)),
            QuantizationAlgorithm.Clvq => first + (SingleRowFactor * options.Passes),
            QuantizationAlgorithm.Support => 2 * Math.Min(SupportIteration.ExpectedRounds, options.MaxIterations),
            QuantizationAlgorithm.MiniBatch => first + Math.Min(MiniBatchPasses, options.MaxIterations),
            QuantizationAlgorithm.Lloyd => first + Math.Min(LloydPasses, options.MaxIterations),
            _ => first + (2 * Math.Min(LloydPasses, options.MaxIterations)),
        };
    }
}
