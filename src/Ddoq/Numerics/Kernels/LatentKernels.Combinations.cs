using System.Runtime.CompilerServices;

namespace Ddoq.Numerics.Kernels;

/// <summary>Points as linear combinations of rows, and sums of distances: the steps of support points.</summary>
/// <remarks>
/// <see cref="Combine"/> takes strips of 512 rows by <see cref="KernelTuning.CombinedColumns"/> columns, widened once into
/// panels of two vectors, and adds them with the tiles of the Gram matrix: work 2 K N D, bytes N D once, K D once per 512 rows.
/// </remarks>
internal sealed unsafe partial class LatentKernels<TSimd, TVector, TRow>
{
    /// <inheritdoc/>
    public override void Combine(
        float* shares, nint shareStride, int points, nint* rows, int count, float* mean, int dimension, float* scratch, float* sums, nint sumStride, bool add)
    {
        int padded = CombinedRows(points), columns = Pad(dimension);
        float* strip = scratch + ((nint)padded * BlockStride);
        for (int first = 0; first < count; first += Block)
        {
            int length = Math.Min(Block, count - first);
            for (int k = 0; k < padded; k++)
            {
                var copy = new Span<float>(scratch + ((nint)k * BlockStride), length);
                if (k < points)
                    new ReadOnlySpan<float>(shares + (k * shareStride) + first, length).CopyTo(copy);
                else
                    copy.Clear();
            }

            for (int column = 0; column < columns; column += KernelTuning.CombinedColumns)
            {
                int width = Math.Min(KernelTuning.CombinedColumns, columns - column);
                WidenStrip(rows + first, length, mean, dimension, column, width, strip);
                for (int k = 0; k < points; k += TileRows)
                    CombineTiles(scratch + ((nint)k * BlockStride), points - k, strip, length, width, sums + (k * sumStride) + column, sumStride, first == 0 && !add);
            }
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override (double Distances, double Pulls) Pull(float* squared, float* weights, float floor, float* pulls, int count)
    {
        TVector least = TSimd.Broadcast(floor), half = TSimd.Broadcast(0.5f);
        double distances = 0, total = 0;
        for (int first = 0; first < count; first += Block)
        {
            TVector distanceSum = TSimd.Zero, pullSum = TSimd.Zero;
            int end = Math.Min(first + Block, count);
            for (int i = first; i < end; i += TSimd.Width)
            {
                TVector square = TSimd.Load(squared + i), weight = TSimd.Load(weights + i), distance = TSimd.SquareRoot(square);
                distance = TSimd.SelectLess(distance, least, least, distance);
                TVector pull = TSimd.Divide(weight, distance);
                TSimd.Store(pull, pulls + i);
                pullSum = TSimd.Add(pullSum, pull);
                distanceSum = TSimd.MultiplyAdd(half, TSimd.MultiplyAdd(weight, distance, TSimd.Multiply(pull, square)), distanceSum);
            }

            distances += TSimd.Sum(distanceSum);
            total += TSimd.Sum(pullSum);
        }

        return (distances, total);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override double SumOfDistances(float* squared, float* weights, float zero, int count)
    {
        TVector least = TSimd.Broadcast(zero);
        double total = 0;
        for (int first = 0; first < count; first += Block)
        {
            TVector sum = TSimd.Zero;
            int end = Math.Min(first + Block, count);
            for (int i = first; i < end; i += TSimd.Width)
            {
                TVector square = TSimd.Load(squared + i);
                TVector distance = TSimd.SelectLess(square, least, TSimd.Zero, TSimd.SquareRoot(square));
                sum = TSimd.MultiplyAdd(TSimd.Load(weights + i), distance, sum);
            }

            total += TSimd.Sum(sum);
        }

        return total;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override double SumOfMinima(float* values, float* bounds, float* weights, int count)
    {
        double total = 0;
        for (int first = 0; first < count; first += Block)
        {
            TVector sum = TSimd.Zero;
            int end = Math.Min(first + Block, count);
            for (int i = first; i < end; i += TSimd.Width)
            {
                TVector value = TSimd.Load(values + i), bound = TSimd.Load(bounds + i);
                sum = TSimd.MultiplyAdd(TSimd.Load(weights + i), TSimd.SelectLess(value, bound, value, bound), sum);
            }

            total += TSimd.Sum(sum);
        }

        return total;
    }

    // Panels of two vectors side by side, one vector where a single one is left.
    private static void CombineTiles(float* shares, int points, float* strip, int length, int width, float* sums, nint stride, bool first)
    {
        for (int j = 0; j < width; j += PanelWidth)
        {
            float* panel = strip + ((nint)j * length);
            if (width - j >= PanelWidth && points <= TileRows / 2)
                PackedTile6<ILookAhead.Off>(shares, panel, length, sums + j, stride, first, null, 0);
            else if (width - j >= PanelWidth)
                WidestTile12<ILookAhead.Off>(shares, panel, length, sums + j, stride, first, null, 0);
            else
                NarrowTile12<TSimd, TVector, ILookAhead.Off>(shares, panel, length, sums + j, stride, first, null, 0);
        }
    }

    // Widens a strip of the rows into panels, zeros beyond D.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenStrip(nint* rows, int count, float* mean, int dimension, int column, int width, float* strip)
    {
        for (int i = 0; i < count; i++)
        {
            byte* row = (byte*)rows[i];
            for (int j = 0, panelWidth; j < width; j += panelWidth)
            {
                panelWidth = Math.Min(PanelWidth, width - j);
                float* panel = strip + ((nint)j * count) + (i * panelWidth);
                for (int p = 0; p < panelWidth; p += TSimd.Width)
                {
                    int from = column + j + p;
                    if (from + TSimd.Width <= dimension)
                    {
                        TSimd.Store(TSimd.Subtract(TRow.Widen<TSimd, TVector>(row, from), TSimd.Load(mean + from)), panel + p);
                        continue;
                    }

                    for (int lane = 0; lane < TSimd.Width; lane++)
                        panel[p + lane] = from + lane < dimension ? TRow.Widen(row, from + lane) - mean[from + lane] : 0;
                }
            }
        }
    }
}
