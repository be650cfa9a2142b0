using Ddoq.Cuda.Kernels;
using Ddoq.Quantization;

namespace Ddoq.Cuda.Quantization;

/// <summary>The kernels that the batches of a run need.</summary>
internal sealed class BatchKernels
{
    /// <summary>Finds them.</summary>
    /// <exception cref="CudaException">One is missing or does not fit the device.</exception>
    public BatchKernels(KernelCatalog catalog, RowFormat format, QuantizerOptions options)
    {
        string type = format.Suffix;
        bool single = format == RowFormat.F32;
        GramShape = single ? KernelShapes.GramFp32 : KernelShapes.Gram;
        AssignShape = single ? KernelShapes.AssignFp32 : KernelShapes.Assign(options.CentroidCount);
        CentroidParts = single ? 0 : 2;
        ClassMean = catalog.Get($"ddoq_class_mean_{type}", KernelShapes.CentroidsThreads, 0);
        Center = catalog.Get($"ddoq_center_{type}", KernelShapes.NormsThreads, 0);
        Gram = catalog.Get(single ? "ddoq_gram_fma_f32" : $"ddoq_gram_tensor_{type}", GramShape.Threads, GramShape.SharedBytes(1));
        Cluster = catalog.Get(ClusterSettings.Symbol(options.Algorithm), KernelShapes.ClusterThreads, KernelShapes.ClusterSharedBytes);
        Means = catalog.Get($"ddoq_centroids_mean_{type}", KernelShapes.CentroidsThreads, KernelShapes.CentroidsSharedBytes);
        Combine = catalog.Get($"ddoq_centroids_combine_{type}", KernelShapes.CentroidsThreads, 0);
        Parts = catalog.Get(single ? "ddoq_norms_f32" : $"ddoq_centroid_parts_{type}", KernelShapes.NormsThreads, 0);
        Assign = catalog.Get(
            single ? "ddoq_assign_fma_f32" : $"ddoq_assign_k{AssignShape.Columns}_{type}", AssignShape.Threads, AssignShape.SharedBytes(Math.Max(1, CentroidParts)));
        Distances = catalog.Get($"ddoq_distances_{type}", KernelShapes.DistancesThreads, 0);
    }

    /// <summary>The tile of the Gram matrix.</summary>
    public TileShape GramShape { get; }

    /// <summary>The assignment's tile, chosen by K alone.</summary>
    public TileShape AssignShape { get; }

    /// <summary>
    /// Parts of the rows' type that centres are split into, whose sum carries about twice the bits of one; 0 when the
    /// assignment takes fp32 centres as they are.
    /// </summary>
    public int CentroidParts { get; }

    public Kernel ClassMean { get; }

    public Kernel Center { get; }

    public Kernel Gram { get; }

    public Kernel Cluster { get; }

    public Kernel Means { get; }

    public Kernel Combine { get; }

    /// <summary>Splits the centres, or takes their norms alone.</summary>
    public Kernel Parts { get; }

    public Kernel Assign { get; }

    public Kernel Distances { get; }

    /// <summary>Their symbols, for messages.</summary>
    public string Symbols =>
        string.Join(", ", new[] { ClassMean, Center, Gram, Cluster, Means, Combine, Parts, Assign, Distances }.Select(kernel => kernel.Symbol));
}

/// <summary>A quantiser's options as the cluster kernels take them.</summary>
internal static class ClusterSettings
{
    /// <summary>The kernel of an algorithm.</summary>
    public static string Symbol(QuantizationAlgorithm algorithm) => algorithm switch
    {
        QuantizationAlgorithm.D4m or QuantizationAlgorithm.MiniBatch => "ddoq_cluster_batches_f32",
        QuantizationAlgorithm.Clvq => "ddoq_cluster_clvq_f32",
        QuantizationAlgorithm.Support => "ddoq_cluster_support_f32",
        _ => "ddoq_cluster_lloyd_f32",
    };

    /// <summary>Whether its centres are the means of their cells.</summary>
    public static bool GivesMeans(QuantizationAlgorithm algorithm) =>
        algorithm is QuantizationAlgorithm.Lloyd or QuantizationAlgorithm.Hartigan;

    /// <summary>Whether it keeps counts of its own.</summary>
    public static bool KeepsCounts(QuantizationAlgorithm algorithm) =>
        algorithm is QuantizationAlgorithm.D4m or QuantizationAlgorithm.MiniBatch or QuantizationAlgorithm.Clvq;

    /// <summary>Why the kernels do not offer some options, which the processor then works on; null when they do.</summary>
    public static string? NotOffered(QuantizerOptions options) =>
        options.Initialization == CentroidInitialization.Given ? "given first centres need not be rows, and the kernels start from rows"
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
