using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Ddoq.Numerics.Kernels;

/// <summary>Scores <c>(row - mean) . centre</c> of up to <see cref="LatentKernels.RowsPerBlock"/> rows against all centres.</summary>
/// <remarks>
/// Rows are converted once per block of D into a scratch that stays in the first cache. Every score is computed by the
/// same sequence of operations wherever its row and centre stand, so equal centres give equal scores. Bytes: each row
/// once (2 D), the panels once per call (4 K D, from the second cache when they fit). Work: 2 K D per row.
/// </remarks>
internal sealed unsafe partial class LatentKernels<TSimd, TVector, TRow>
{
    private const int BlockStride = KernelTuning.BlockStride;
    private const int CacheLine = 64;
    private const int TileRows = KernelTuning.TileRows;

    private static int PanelWidth => 2 * TSimd.Width;

    // Panels narrower than two vectors hold what is left over: one vector, or half of one where the half is a vector too.
    private static int NarrowestPanel => TSimd.Width >= 8 ? TSimd.Width / 2 : TSimd.Width;

    /// <inheritdoc/>
    public override int ScoreStride(int centroids) => Pad(PackedColumns(centroids));

    /// <inheritdoc/>
    public override nint PanelLength(int centroids, int dimension) => (nint)((dimension + Block - 1) / Block) * PackedColumns(centroids) * Block;

    /// <inheritdoc/>
    public override void Pack(float* centroids, int stride, int count, int dimension, float* panels)
    {
        for (int first = 0; first < dimension; first += Block)
        {
            int length = Math.Min(Block, dimension - first);
            for (int k = 0, width; k < count; k += width)
            {
                width = NextPanel(count - k);
                PackPanel(centroids + ((nint)k * stride) + first, stride, Math.Min(width, count - k), width, length, panels);
                panels += (nint)Block * width;
            }
        }
    }

    /// <inheritdoc/>
    public override void Scores(nint* rows, int count, float* mean, int dimension, float* panels, int centroids, float* scratch, float* scores)
    {
        // Where the centres as a whole stay in a cache, each tile of rows is read from start to end, the next one a little at
        // a time meanwhile. More centres than that are shared, block by block, by all rows of the call.
        if (PanelLength(centroids, dimension) > KernelTuning.MostResidentPanelLength)
        {
            ScoreRows(rows, count, mean, dimension, panels, centroids, scratch, scores, 0);
            return;
        }

        int stride = ScoreStride(centroids);
        for (int i = 0; i < count; i += TileRows)
        {
            nint next = IsOnePiece(rows + i, count - i, dimension) ? rows[i + TileRows] : 0;
            ScoreRows(rows + i, Math.Min(TileRows, count - i), mean, dimension, panels, centroids, scratch, scores + ((nint)i * stride), next);
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override int Nearest(float* scores, float* norms, int stride, out float distance)
    {
        TVector minusTwo = TSimd.Broadcast(-2f);
        TVector best = TSimd.Broadcast(float.PositiveInfinity), bestIndex = TSimd.Zero;
        float* lanes = stackalloc float[2 * Padding];
        for (int lane = 0; lane < TSimd.Width; lane++)
            lanes[lane] = lane;
        TVector index = TSimd.Load(lanes), step = TSimd.Broadcast(TSimd.Width);
        for (int k = 0; k < stride; k += TSimd.Width)
        {
            TVector value = TSimd.MultiplyAdd(minusTwo, TSimd.Load(scores + k), TSimd.Load(norms + k));
            bestIndex = TSimd.SelectLess(value, best, index, bestIndex);
            best = TSimd.SelectLess(value, best, value, best);
            index = TSimd.Add(index, step);
        }

        TSimd.Store(best, lanes);
        TSimd.Store(bestIndex, lanes + Padding);
        int nearest = 0;
        for (int lane = 1; lane < TSimd.Width; lane++)
        {
            if (lanes[lane] < lanes[nearest] || (lanes[lane] == lanes[nearest] && lanes[Padding + lane] < lanes[Padding + nearest]))
                nearest = lane;
        }

        distance = lanes[nearest];
        return (int)lanes[Padding + nearest];
    }

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    // Transposes rows of a block into one panel, in squares of 4 x 4; columns beyond the rows are zero. One cache line of a
    // row at a time: rows a power of two apart share a few sets of the cache, and walking down a column would load every
    // line 16 times.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackPanel(float* rows, nint stride, int count, nint width, int length, float* panel)
    {
        if (count < width)
            new Span<float>(panel, length * (int)width).Clear();
        int squares = Sse.IsSupported || AdvSimd.Arm64.IsSupported ? count & -4 : 0;
        for (int first = 0; first < length; first += Padding)
        {
            int line = Math.Min(Padding, length - first), whole = squares > 0 ? line & -4 : 0;
            for (int j = 0; j < count; j++)
            {
                float* from = rows + (j * stride) + first, to = panel + (first * width) + j;
                int k = 0;
                if (j < squares)
                {
                    for (; k < whole && j % 4 == 0; k += 4)
                        TransposeSquare(from + k, stride, to + (k * width), width);
                    k = whole;
                }

                for (; k < line; k++)
                    to[k * width] = from[k];
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeSquare(float* from, nint fromStride, float* to, nint toStride)
    {
        Vector128<float> a = Vector128.Load(from), b = Vector128.Load(from + fromStride);
        Vector128<float> c = Vector128.Load(from + (2 * fromStride)), d = Vector128.Load(from + (3 * fromStride));
        Vector128<float> ac0 = InterleaveLower(a, c), ac1 = InterleaveUpper(a, c), bd0 = InterleaveLower(b, d), bd1 = InterleaveUpper(b, d);
        InterleaveLower(ac0, bd0).Store(to);
        InterleaveUpper(ac0, bd0).Store(to + toStride);
        InterleaveLower(ac1, bd1).Store(to + (2 * toStride));
        InterleaveUpper(ac1, bd1).Store(to + (3 * toStride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveLower(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b) : AdvSimd.Arm64.ZipLow(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> InterleaveUpper(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b) : AdvSimd.Arm64.ZipHigh(a, b);

    // Converts one block of some rows; rows beyond the last repeat it, and their scores are not read.
    private void WidenBlock(nint* rows, int count, int padded, float* mean, int first, int length, float* scratch, int rowsAhead)
    {
        for (int r = 0; r < padded; r++)
        {
            if (rowsAhead > 0 && r + rowsAhead < count)
                PrefetchRow((byte*)rows[r + rowsAhead] + ((nint)first * TRow.Size), length * TRow.Size);
            WidenCentred((byte*)rows[Math.Min(r, count - 1)] + ((nint)first * TRow.Size), mean + first, scratch + (r * BlockStride), length);
        }
    }

    private static void PrefetchRow(byte* start, int length)
    {
        for (int offset = 0; offset < length; offset += CacheLine)
            Prefetch(start + offset);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(byte* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(address);
    }

    // Whether the tile of rows after the next one follows in memory without a gap.
    private static bool IsOnePiece(nint* rows, int count, int dimension) =>
        count >= 2 * TileRows && rows[(2 * TileRows) - 1] - rows[TileRows] == (nint)(TileRows - 1) * dimension * TRow.Size;

    private void ScoreRows(nint* rows, int count, float* mean, int dimension, float* panels, int centroids, float* scratch, float* scores, nint next)
    {
        int stride = ScoreStride(centroids), columns = PackedColumns(centroids);
        for (int first = 0; first < dimension; first += Block)
        {
            int length = Math.Min(Block, dimension - first);
            for (int i = 0; i < count; i += TileRows)
            {
                WidenBlock(rows + i, count - i, TileRows, mean, first, length, scratch, rowsAhead: 0);
                byte* ahead = next == 0 ? null : (byte*)next + ((nint)first * TileRows * TRow.Size);
                for (int k = 0, width; k < centroids; k += width)
                {
                    width = NextPanel(centroids - k);
                    float* panel = panels + ((nint)k * Block), tile = scores + ((nint)i * stride) + k;
                    if (ahead == null)
                        PackedTiles<ILookAhead.Off>(scratch, panel, width, length, tile, stride, first == 0, null, 0);
                    else
                        PackedTiles<ILookAhead.On>(scratch, panel, width, length, tile, stride, first == 0, ahead, TileRows * TRow.Size);
                    ahead = null;
                }
            }

            panels += (nint)columns * Block;
        }
    }

    private static int PackedColumns(int centroids)
    {
        int columns = centroids / PanelWidth * PanelWidth;
        while (columns < centroids)
            columns += NextPanel(centroids - columns);
        return columns;
    }

    // The widest panel that wastes no narrower one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int NextPanel(int remaining)
    {
        int vector = TSimd.Width, half = NarrowestPanel;
        if (remaining > (half < vector ? vector + half : vector))
            return 2 * vector;
        return remaining > half ? vector : half;
    }

    // 12 rows against one panel. All tiles take the same operations per score, so the width changes no result.
    private static void PackedTiles<TAhead>(float* rows, float* panel, int width, nint count, float* scores, nint stride, bool first, byte* ahead, nint aheadStep)
        where TAhead : struct, ILookAhead
    {
        if (width == PanelWidth)
            WidestTile12<TAhead>(rows, panel, count, scores, stride, first, ahead, aheadStep);
        else if (width < TSimd.Width)
            HalfVectorTile12<TAhead>(rows, panel, count, scores, stride, first, ahead, aheadStep);
        else
            NarrowTile12<TSimd, TVector, TAhead>(rows, panel, count, scores, stride, first, ahead, aheadStep);
    }

    private static void WidestTile12<TAhead>(float* rows, float* panel, nint count, float* scores, nint stride, bool first, byte* ahead, nint aheadStep)
        where TAhead : struct, ILookAhead
    {
        if (TSimd.HasManyRegisters)
        {
            PackedTile12<TAhead>(rows, panel, count, scores, stride, first, ahead, aheadStep);
            return;
        }

        PackedTile6<TAhead>(rows, panel, count, scores, stride, first, ahead, aheadStep);
        PackedTile6<TAhead>(rows + (6 * BlockStride), panel, count, scores + (6 * stride), stride, first, ahead, aheadStep);
    }

    private static void HalfVectorTile12<TAhead>(float* rows, float* panel, nint count, float* scores, nint stride, bool first, byte* ahead, nint aheadStep)
        where TAhead : struct, ILookAhead
    {
        if (NarrowestPanel == SimdVector256.Width)
            NarrowTile12<SimdVector256, Vector256<float>, TAhead>(rows, panel, count, scores, stride, first, ahead, aheadStep);
        else
            NarrowTile12<SimdVector128, Vector128<float>, TAhead>(rows, panel, count, scores, stride, first, ahead, aheadStep);
    }
}
