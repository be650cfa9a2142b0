namespace Ddoq.Numerics.Kernels;

/// <summary>The Gram matrix <c>G = Z Z^T</c>, Z = rows - mean (N x D).</summary>
/// <remarks>
/// One block of D at a time: all rows are converted into a scratch (N x 2 KiB, in the last cache), a panel of rows is
/// transposed from it, and every tile on or above the diagonal adds its block sum. The lower triangle is a copy of the
/// upper. Entry (i, j) takes the same operations in the same order for every i and j, so equal rows give equal entries,
/// and <c>G_ii + G_jj - 2 G_ij</c> is exactly 0 for them. Work: N^2 D; bytes: rows once, G once per block.
/// </remarks>
internal sealed unsafe partial class LatentKernels<TSimd, TVector, TRow>
{
    /// <inheritdoc/>
    public override int GramStride(int rows)
    {
        int stride = Pad(RoundUp(rows, PanelWidth));

        // Rows of a tile a multiple of 1 KiB apart would share few cache sets.
        return stride % 256 == 0 ? stride + Padding : stride;
    }

    /// <inheritdoc/>
    public override nint GramLength(int rows) => (nint)RoundUp(rows, TileRows) * GramStride(rows);

    /// <inheritdoc/>
    public override nint GramScratchLength(int rows) =>
        ((nint)RoundUp(rows, TileRows) * BlockStride) + ((nint)KernelTuning.PanelsPerGroup * PanelWidth * Block);

    /// <inheritdoc/>
    public override void Gram(nint* rows, int count, float* mean, int dimension, float* scratch, float* gram)
    {
        int stride = GramStride(count), padded = RoundUp(count, TileRows), group = KernelTuning.PanelsPerGroup * PanelWidth;
        float* panels = scratch + ((nint)padded * BlockStride);
        for (int first = 0; first < dimension; first += Block)
        {
            int length = Math.Min(Block, dimension - first);
            WidenBlock(rows, count, padded, mean, first, length, scratch, KernelTuning.RowsAhead);
            for (int column = 0; column < count; column += group)
            {
                int end = Math.Min(column + group, count);
                PackGroup(scratch, column, end, length, panels);
                for (int i = 0; i < end; i += TileRows)
                {
                    // Panels that end before this row lie below the diagonal.
                    int start = Math.Max(column, i / PanelWidth * PanelWidth);
                    for (int j = start; j < end; j += PanelWidth)
                    {
                        float* panel = panels + ((nint)(j - column) * Block);
                        WidestTile12<ILookAhead.Off>(scratch + ((nint)i * BlockStride), panel, length, gram + ((nint)i * stride) + j, stride, first == 0, null, 0);
                    }
                }
            }
        }

        Mirror(gram, stride, count);
        for (int i = 0; i < count; i++)
            new Span<float>(gram + ((nint)i * stride) + count, Pad(count) - count).Clear();
    }

    private static void PackGroup(float* scratch, int column, int end, int length, float* panels)
    {
        for (int j = column; j < end; j += PanelWidth)
        {
            PackPanel(scratch + ((nint)j * BlockStride), BlockStride, Math.Min(PanelWidth, end - j), PanelWidth, length, panels);
            panels += (nint)PanelWidth * Block;
        }
    }

    // Copies the upper triangle below the diagonal in squares that fit the first cache.
    private static void Mirror(float* gram, nint stride, int count)
    {
        const int Square = 32;
        for (int i = 0; i < count; i += Square)
        {
            for (int j = 0; j <= i; j += Square)
            {
                for (int a = i; a < Math.Min(i + Square, count); a++)
                {
                    for (int b = j; b < Math.Min(j + Square, a); b++)
                        gram[(a * stride) + b] = gram[(b * stride) + a];
                }
            }
        }
    }
}
