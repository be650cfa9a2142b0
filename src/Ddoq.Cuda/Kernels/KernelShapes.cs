namespace Ddoq.Cuda.Kernels;

/// <summary>The tile of a matrix kernel (TileShape of kernels/assign.cuh).</summary>
internal readonly record struct TileShape(int Rows, int Columns, int Threads, int Stages, int RowBytes)
{
    /// <summary>Dynamic shared memory with centroids in some parts.</summary>
    public int SharedBytes(int parts) => Stages * (Rows + (parts * Columns)) * RowBytes;
}

/// <summary>Launch shapes of the kernels, as in kernels/*.cuh.</summary>
internal static class KernelShapes
{
    public const int NormsThreads = 256;
    public const int CenterRows = 8;
    public const int CentroidsThreads = 256;
    public const int CentroidsSharedBytes = (CentroidsThreads + (CentroidsThreads / 32)) * 4;
    public const int ChunkColumns = 2048;
    public const int CombineCentroids = 8;
    public const int DistancesThreads = 256;
    public const int DistancesRows = 8;
    public const int ClusterThreads = 384;
    public const int ClusterSharedBytes = 4096;
    public const int ClusterMaximumTrials = 16;
    public const int ClusterSupportHistory = 4;
    public const int WeightedCeThreads = 256;
    public const int WeightedCeSharedBytes = WeightedCeThreads / 32 * 8;
    public const int WeightedCeWarpClasses = 2048;

    public static readonly TileShape Gram = new(128, 256, 256, 3, 128);
    public static readonly TileShape GramFp32 = new(128, 128, 256, 3, 80);
    public static readonly TileShape AssignFp32 = new(128, 64, 256, 3, 80);

    private static readonly TileShape s_assign16 = new(256, 16, 256, 4, 128);
    private static readonly TileShape s_assign64 = new(256, 64, 256, 3, 128);
    private static readonly TileShape s_assign128 = new(256, 128, 256, 2, 128);
    private static readonly TileShape s_assign256 = new(128, 256, 256, 2, 128);

    /// <summary>The narrowest assignment that holds K centroids.</summary>
    public static TileShape Assign(int centroids) =>
        centroids <= 16 ? s_assign16 : centroids <= 64 ? s_assign64 : centroids <= 128 ? s_assign128 : s_assign256;

    /// <summary>Quotient rounded up.</summary>
    public static int Ceiling(int value, int divisor) => (int)(((long)value + divisor - 1) / divisor);

    /// <summary>Tiles of a Gram matrix that touch its upper triangle.</summary>
    public static int GramTiles(TileShape shape, int rows)
    {
        int tiles = 0;
        for (int i = 0; i < Ceiling(rows, shape.Rows); i++)
            tiles += Ceiling(rows, shape.Columns) - (i * shape.Rows / shape.Columns);
        return tiles;
    }

    /// <summary>Candidates per centroid of greedy k-means++.</summary>
    public static int Trials(int centroids) => Math.Min(ClusterMaximumTrials, 2 + (int)Math.Log(Math.Max(1, centroids)));

    /// <summary>What ddoq_cluster_support_f32 needs behind that (SupportArrays of kernels/cluster.cuh).</summary>
    public static long SupportWorkspaceBytes(long centroids, long stride) =>
        Array((1 + (2 * ClusterSupportHistory)) * 2 * centroids * stride, 4) // positions
        + Array(centroids * stride, 4) // shares
        + Array(centroids * centroids, 8) // pairs
        + (3 * Array(centroids, 8)); // pulls, distances, ties

    /// <summary>Working space of ddoq_cluster_* for one class, in bytes (ClusterArrays of kernels/cluster.cuh).</summary>
    public static long ClusterWorkspaceBytes(long rows, long centroids, long stride, long trials)
    {
        long eight = Array(centroids, 8), four = Array(centroids, 4), row = Array(rows, 4);
        return (2 * Array(centroids * stride, 4)) // products, coefficients
            + (3 * eight) // scales, norms, companion
            + (3 * four) // slopes, float norms, factors
            + Array((rows + 63) / 64, 8) // block sums
            + (2 * eight) // running, best of cell
            + Array(rows, 8) // proposals
            + (3 * row) // nearest, best, distances
            + Array(trials * rows, 4) // candidates
            + (6 * row) // labels, previous, cell labels, index, batch, batch labels
            + Array(2 * rows, 4) // order
            + (8 * four) // counts, updates, definitions, placed rows, moved, actions, touched, moves
            + Array(centroids + 1, 4); // offsets
    }

    private static long Array(long count, long size) => ((count * size) + 15) / 16 * 16;
}
