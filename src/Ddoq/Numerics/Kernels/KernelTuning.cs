namespace Ddoq.Numerics.Kernels;

/// <summary>Sizes chosen by measurement, in one place, with what else was tried.</summary>
internal static class KernelTuning
{
    /// <summary>
    /// Values of D worked on at a time: 12 rows of a block are 24 KiB and stay in the first cache. 256 was slower (more
    /// carried sums), 1024 fell out of the cache.
    /// </summary>
    public const int Block = 512;

    /// <summary>
    /// Floats between rows of a block: one cache line more than the block, since rows 2 KiB apart share two cache sets.
    /// </summary>
    public const int BlockStride = Block + 16;

    /// <summary>
    /// Most centres of the dot form; above, the packed form is as quick or quicker. The crossing lies between 40 and 64.
    /// </summary>
    public const int MostDotCentroids = 48;

    /// <summary>
    /// Rows that share the centres of one block while these are in the second cache; a multiple of every tile's rows.
    /// Carried sums of the dot form take 64 bytes a pair: 147 KiB at 48 centres.
    /// </summary>
    public const int RowsPerBlock = 48;

    /// <summary>Floats of centres that stay in a second cache of 1 MiB beside a tile of rows.</summary>
    public const int MostResidentPanelLength = 192 * 1024;
}
