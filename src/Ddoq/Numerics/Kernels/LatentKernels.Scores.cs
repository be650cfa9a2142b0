using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    private static int DotRows => TSimd.HasManyRegisters ? 6 : 3;

    private static int PanelWidth => 2 * TSimd.Width;

    // Panels narrower than two vectors hold what is left over: one vector, or half of one where the half is a vector too.
    private static int NarrowestPanel => TSimd.Width >= 8 ? TSimd.Width / 2 : TSimd.Width;

    /// <inheritdoc/>
    public override int ScoreStride(int centroids) =>
        centroids <= KernelTuning.MostDotCentroids ? Pad(centroids) : Pad(PackedColumns(centroids));

    /// <inheritdoc/>
    public override nint PanelLength(int centroids, int dimension)
    {
        nint blocks = (dimension + Block - 1) / Block;
        return centroids <= KernelTuning.MostDotCentroids
            ? blocks * RoundUp(centroids, 2) * BlockStride
            : blocks * PackedColumns(centroids) * Block;
    }

    /// <inheritdoc/>
    public override nint ScoreScratchLength(int centroids) =>
        (12 * BlockStride) + (centroids <= KernelTuning.MostDotCentroids ? (nint)RowsPerBlock * RoundUp(centroids, 2) * TSimd.Width : 0);

    /// <inheritdoc/>
    public override void Pack(float* centroids, int stride, int count, int dimension, float* panels)
    {
        bool dot = count <= KernelTuning.MostDotCentroids;
        for (int first = 0; first < dimension; first += Block)
        {
            int length = Math.Min(Block, stride - first);
            if (dot)
            {
                int padded = RoundUp(count, 2);
                for (int k = 0; k < padded; k++)
                {
                    var row = new Span<float>(panels + ((nint)k * BlockStride), length);
                    if (k < count)
                        new ReadOnlySpan<float>(centroids + ((nint)k * stride) + first, length).CopyTo(row);
                    else
                        row.Clear();
                }

                panels += (nint)padded * BlockStride;
                continue;
            }

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
        if (centroids <= KernelTuning.MostDotCentroids)
            ScoresInDotForm(rows, count, mean, dimension, panels, centroids, scratch, scores);
        else
            ScoresInPackedForm(rows, count, mean, dimension, panels, centroids, scratch, scores);
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

    // Transposes rows of a block into one panel; columns beyond the rows are zero. One cache line of a row at a time: rows a
    // power of two apart share a few sets of the cache, and walking down a column would load every line 16 times.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackPanel(float* rows, nint stride, int count, nint width, int length, float* panel)
    {
        if (count < width)
            new Span<float>(panel, length * (int)width).Clear();
        for (int first = 0; first < length; first += Padding)
        {
            int line = Math.Min(Padding, length - first);
            for (int j = 0; j < count; j++)
            {
                float* from = rows + (j * stride) + first, to = panel + (first * width) + j;
                if (line < Padding)
                {
                    for (int k = 0; k < line; k++)
                        to[k * width] = from[k];
                    continue;
                }

                for (int k = 0; k < Padding; k += 4)
                {
                    to[0] = from[k];
                    to[width] = from[k + 1];
                    to[2 * width] = from[k + 2];
                    to[3 * width] = from[k + 3];
                    to += 4 * width;
                }
            }
        }
    }

    // Converts one block of some rows; rows beyond the last repeat it, and their scores are not read.
    private void WidenBlock(nint* rows, int count, int tileRows, float* mean, int first, int dimension, float* scratch)
    {
        int length = Math.Min(Block, dimension - first);
        int padded = Pad(length);
        for (int r = 0; r < tileRows; r++)
        {
            float* row = scratch + (r * BlockStride);
            WidenCentred((byte*)rows[Math.Min(r, count - 1)] + ((nint)first * TRow.Size), mean + first, row, length);
            new Span<float>(row + length, padded - length).Clear();
        }
    }

    private void ScoresInDotForm(nint* rows, int count, float* mean, int dimension, float* panels, int centroids, float* scratch, float* scores)
    {
        // Centres that stay in the second cache as a whole need no sharing between rows: each tile of rows is then read
        // from start to end, which the hardware prefetches well.
        int padded = RoundUp(centroids, 2);
        int group = (nint)padded * dimension <= KernelTuning.MostResidentPanelLength ? DotRows : count;
        int stride = ScoreStride(centroids);
        for (int i = 0; i < count; i += group)
        {
            int rowsHere = Math.Min(group, count - i);
            DotSums(rows + i, rowsHere, mean, dimension, panels, padded, scratch);
            AddLanes(rowsHere, padded, centroids, scratch + (12 * BlockStride), scores + ((nint)i * stride), stride);
        }
    }

    private void DotSums(nint* rows, int count, float* mean, int dimension, float* panels, int centroids, float* scratch)
    {
        int tileRows = DotRows;
        nint sumsPerTile = (nint)tileRows * centroids * TSimd.Width;
        for (int first = 0; first < dimension; first += Block)
        {
            int length = Pad(Math.Min(Block, dimension - first));
            float* sums = scratch + (12 * BlockStride);
            for (int i = 0; i < count; i += tileRows)
            {
                WidenBlock(rows + i, count - i, tileRows, mean, first, dimension, scratch);
                DotTiles(scratch, panels, centroids, length, sums, first == 0);
                sums += sumsPerTile;
            }

            panels += (nint)centroids * BlockStride;
        }
    }

    private static void AddLanes(int count, int padded, int centroids, float* sums, float* scores, int stride)
    {
        int tileRows = DotRows;
        for (int i = 0; i < count; i++)
        {
            float* pair = sums + ((((nint)(i / tileRows) * padded * tileRows) + (i % tileRows)) * TSimd.Width);
            float* row = scores + ((nint)i * stride);
            for (int k = 0; k < centroids; k++)
                row[k] = TSimd.Sum(TSimd.Load(pair + ((nint)k * tileRows * TSimd.Width)));
            new Span<float>(row + centroids, stride - centroids).Clear();
        }
    }

    private static void DotTiles(float* rows, float* panel, int centroids, int length, float* sums, bool first)
    {
        int k = 0;
        nint step = (nint)DotRows * TSimd.Width;
        for (; k + 4 <= centroids; k += 4)
        {
            if (TSimd.HasManyRegisters)
                DotTile6x4(rows, panel + ((nint)k * BlockStride), length, sums + (k * step), first);
            else
                DotTile3x4(rows, panel + ((nint)k * BlockStride), length, sums + (k * step), first);
        }

        if (k == centroids)
            return;
        if (TSimd.HasManyRegisters)
            DotTile6x2(rows, panel + ((nint)k * BlockStride), length, sums + (k * step), first);
        else
            DotTile3x2(rows, panel + ((nint)k * BlockStride), length, sums + (k * step), first);
    }

    private void ScoresInPackedForm(nint* rows, int count, float* mean, int dimension, float* panels, int centroids, float* scratch, float* scores)
    {
        int stride = ScoreStride(centroids), columns = PackedColumns(centroids);
        for (int first = 0; first < dimension; first += Block)
        {
            int length = Math.Min(Block, dimension - first);
            for (int i = 0; i < count; i += 12)
            {
                WidenBlock(rows + i, count - i, 12, mean, first, dimension, scratch);
                for (int k = 0, width; k < centroids; k += width)
                {
                    width = NextPanel(centroids - k);
                    PackedTiles(scratch, panels + ((nint)k * Block), width, length, scores + ((nint)i * stride) + k, stride, first == 0);
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

    // 12 rows against one panel. The narrow tiles take the same operations per score, so the width changes no result.
    private static void PackedTiles(float* rows, float* panel, int width, nint count, float* scores, nint stride, bool first)
    {
        if (width == TSimd.Width)
        {
            NarrowTile12<TSimd, TVector>(rows, panel, count, scores, stride, first);
        }
        else if (width < TSimd.Width)
        {
            if (width == SimdVector256.Width)
                NarrowTile12<SimdVector256, Vector256<float>>(rows, panel, count, scores, stride, first);
            else
                NarrowTile12<SimdVector128, Vector128<float>>(rows, panel, count, scores, stride, first);
        }
        else if (TSimd.HasManyRegisters)
        {
            PackedTile12(rows, panel, count, scores, stride, first);
        }
        else
        {
            PackedTile6(rows, panel, count, scores, stride, first);
            PackedTile6(rows + (6 * BlockStride), panel, count, scores + (6 * stride), stride, first);
        }
    }
}
