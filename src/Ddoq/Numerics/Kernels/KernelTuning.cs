namespace Ddoq.Numerics.Kernels;

/// <summary>Sizes chosen by measurement, in one place, with what else was tried.</summary>
internal static class KernelTuning
{
    /// <summary>
    /// Values of D worked on at a time: 12 rows of a block are 24 KiB and stay in the first cache. 256 was slower (more
    /// carried sums, and too short a piece of each row for the hardware to fetch ahead), 1024 fell out of the cache.
    /// </summary>
    public const int Block = 512;

    /// <summary>
    /// Floats between rows of a block: one cache line more than the block, since rows 2 KiB apart share two cache sets.
    /// </summary>
    public const int BlockStride = Block + 16;

    /// <summary>Rows of every tile: 12 rows by 2 vectors leave 24 accumulators of 32 registers, two tiles of 6 rows 12 of 16.</summary>
    public const int TileRows = 12;

    /// <summary>Rows of one call of scores, which share its centres; a multiple of <see cref="TileRows"/>.</summary>
    public const int RowsPerBlock = 96;

    /// <summary>Rows that the Gram matrix asks the memory for ahead of the one it converts: a block of a row is too short for the hardware to see a stream.</summary>
    public const int RowsAhead = 4;

    /// <summary>
    /// Panels of the Gram matrix that one tile of rows meets in turn: 6 of 64 KiB stay in a second cache of 512 KiB, and rows
    /// come from the last cache a sixth as often.
    /// </summary>
    public const int PanelsPerGroup = 6;

    /// <summary>
    /// Floats of centres that tiles of rows may read as a whole, one tile after the other: 5 MiB, from the second and the last
    /// cache. At 50 centres of 16384 values this is a seventh faster than sharing them block by block, at 100 it is not.
    /// </summary>
    public const int MostResidentPanelLength = 1280 * 1024;

    /// <summary>
    /// Columns of the rows that combinations of them take up at a time: a strip of 512 rows is 256 KiB, in the second cache,
    /// and reads of each row are long enough for the memory.
    /// </summary>
    public const int CombinedColumns = 128;
}

/// <summary>Whether a tile asks the memory for what comes next; a type, so that each loop is compiled with or without it.</summary>
internal interface ILookAhead
{
    /// <summary>Constant.</summary>
    static abstract bool IsOn { get; }

    /// <summary>It does.</summary>
    internal readonly struct On : ILookAhead
    {
        public static bool IsOn => true;
    }

    /// <summary>It does not: its data are at hand.</summary>
    internal readonly struct Off : ILookAhead
    {
        public static bool IsOn => false;
    }
}
