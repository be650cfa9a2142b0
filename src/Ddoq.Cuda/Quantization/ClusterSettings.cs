using Ddoq.Cuda.Kernels;
using Ddoq.Quantization;

namespace Ddoq.Cuda.Quantization;

/// <summary>A quantiser's options as the cluster kernels take them.</summary>
internal static class ClusterSettings
{
    /// <summary>The kernel of an algorithm.</summary>
    public static string Symbol(QuantizationAlgorithm algorithm) => algorithm switch
    {
        QuantizationAlgorithm.D4m or QuantizationAlgorithm.MiniBatch => "ddoq_cluster_batches_f32",
        QuantizationAlgorithm.Clvq => "ddoq_cluster_clvq_f32",
        _ => "ddoq_cluster_lloyd_f32",
    };

    /// <summary>Whether its centres are the means of their cells.</summary>
    public static bool GivesMeans(QuantizationAlgorithm algorithm) =>
        algorithm is QuantizationAlgorithm.Lloyd or QuantizationAlgorithm.Hartigan;

    /// <summary>Why the kernels do not offer some options, which the processor then works on; null when they do.</summary>
    public static string? NotOffered(QuantizerOptions options) =>
        options.Algorithm == QuantizationAlgorithm.Support ? "support points have no kernel yet"
        : options.Initialization == CentroidInitialization.Given ? "given first centres need not be rows, and the kernels start from rows"
        : options.Space == QuantizationSpace.Direct ? "the kernels work on Gram matrices, and direct space was asked for"
        : null;

    /// <summary>The options of one restart.</summary>
    public static ClusterOptions Of(QuantizerOptions options, int restart) => new()
    {
        Seed = options.Seed,
        Tolerance = options.Tolerance,
        ReassignmentRatio = options.ReassignmentRatio,
        ClvqScale = options.ClvqSteps.Scale,
        ClvqOffset = options.ClvqSteps.Offset,
        Initialization = options.Initialization == CentroidInitialization.Random ? 1 : 0,
        Batches = options.Algorithm == QuantizationAlgorithm.MiniBatch ? 1 : 0,
        Restart = restart,
        RequestedCentroids = options.CentroidCount,
        MaxIterations = options.MaxIterations,
        Refine = options.Algorithm == QuantizationAlgorithm.Hartigan ? 1 : 0,
        BatchSize = options.BatchSize,
        Passes = options.Passes,
        KmExpand = options.KmExpand,
        MaxNoImprovement = options.MaxNoImprovement,
    };
}
