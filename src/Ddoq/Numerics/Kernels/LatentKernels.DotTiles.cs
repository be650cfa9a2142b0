using System.Runtime.CompilerServices;

namespace Ddoq.Numerics.Kernels;

/// <summary>Tiles in dot form: vectors run along D, one vector of partial sums per (row, centre).</summary>
/// <remarks>
/// rows and centroids stand <c>BlockStride</c> floats apart and hold <c>count</c> values, a multiple of the vector width.
/// sums holds a vector per pair, centre-major, and is carried from block to block of D, so that the lanes are added once
/// per pair and not once per block. 6x4 needs 29 of 32 registers, 3x4 all 16; wider tiles spill. Best for few centres:
/// nothing is transposed, and a remainder of 2 wastes at most one centre.
/// </remarks>
internal sealed unsafe partial class LatentKernels<TSimd, TVector, TRow>
{
    /// <summary>6 rows by 4 centres.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DotTile6x4(float* rows, float* centroids, nint count, float* sums, bool first)
    {
        TVector s00, s01, s02, s03;
        TVector s10, s11, s12, s13;
        TVector s20, s21, s22, s23;
        TVector s30, s31, s32, s33;
        TVector s40, s41, s42, s43;
        TVector s50, s51, s52, s53;
        if (first)
        {
            s00 = s01 = s02 = s03 = TSimd.Zero;
            s10 = s11 = s12 = s13 = TSimd.Zero;
            s20 = s21 = s22 = s23 = TSimd.Zero;
            s30 = s31 = s32 = s33 = TSimd.Zero;
            s40 = s41 = s42 = s43 = TSimd.Zero;
            s50 = s51 = s52 = s53 = TSimd.Zero;
        }
        else
        {
            s00 = TSimd.Load(sums + (0 * TSimd.Width));
            s01 = TSimd.Load(sums + (6 * TSimd.Width));
            s02 = TSimd.Load(sums + (12 * TSimd.Width));
            s03 = TSimd.Load(sums + (18 * TSimd.Width));
            s10 = TSimd.Load(sums + (1 * TSimd.Width));
            s11 = TSimd.Load(sums + (7 * TSimd.Width));
            s12 = TSimd.Load(sums + (13 * TSimd.Width));
            s13 = TSimd.Load(sums + (19 * TSimd.Width));
            s20 = TSimd.Load(sums + (2 * TSimd.Width));
            s21 = TSimd.Load(sums + (8 * TSimd.Width));
            s22 = TSimd.Load(sums + (14 * TSimd.Width));
            s23 = TSimd.Load(sums + (20 * TSimd.Width));
            s30 = TSimd.Load(sums + (3 * TSimd.Width));
            s31 = TSimd.Load(sums + (9 * TSimd.Width));
            s32 = TSimd.Load(sums + (15 * TSimd.Width));
            s33 = TSimd.Load(sums + (21 * TSimd.Width));
            s40 = TSimd.Load(sums + (4 * TSimd.Width));
            s41 = TSimd.Load(sums + (10 * TSimd.Width));
            s42 = TSimd.Load(sums + (16 * TSimd.Width));
            s43 = TSimd.Load(sums + (22 * TSimd.Width));
            s50 = TSimd.Load(sums + (5 * TSimd.Width));
            s51 = TSimd.Load(sums + (11 * TSimd.Width));
            s52 = TSimd.Load(sums + (17 * TSimd.Width));
            s53 = TSimd.Load(sums + (23 * TSimd.Width));
        }

        float* end = rows + count;
        do
        {
            TVector c0 = TSimd.Load(centroids);
            TVector c1 = TSimd.Load(centroids + BlockStride);
            TVector c2 = TSimd.Load(centroids + (2 * BlockStride));
            TVector c3 = TSimd.Load(centroids + (3 * BlockStride));
            TVector x = TSimd.Load(rows);
            s00 = TSimd.MultiplyAdd(x, c0, s00);
            s01 = TSimd.MultiplyAdd(x, c1, s01);
            s02 = TSimd.MultiplyAdd(x, c2, s02);
            s03 = TSimd.MultiplyAdd(x, c3, s03);
            x = TSimd.Load(rows + BlockStride);
            s10 = TSimd.MultiplyAdd(x, c0, s10);
            s11 = TSimd.MultiplyAdd(x, c1, s11);
            s12 = TSimd.MultiplyAdd(x, c2, s12);
            s13 = TSimd.MultiplyAdd(x, c3, s13);
            x = TSimd.Load(rows + (2 * BlockStride));
            s20 = TSimd.MultiplyAdd(x, c0, s20);
            s21 = TSimd.MultiplyAdd(x, c1, s21);
            s22 = TSimd.MultiplyAdd(x, c2, s22);
            s23 = TSimd.MultiplyAdd(x, c3, s23);
            x = TSimd.Load(rows + (3 * BlockStride));
            s30 = TSimd.MultiplyAdd(x, c0, s30);
            s31 = TSimd.MultiplyAdd(x, c1, s31);
            s32 = TSimd.MultiplyAdd(x, c2, s32);
            s33 = TSimd.MultiplyAdd(x, c3, s33);
            x = TSimd.Load(rows + (4 * BlockStride));
            s40 = TSimd.MultiplyAdd(x, c0, s40);
            s41 = TSimd.MultiplyAdd(x, c1, s41);
            s42 = TSimd.MultiplyAdd(x, c2, s42);
            s43 = TSimd.MultiplyAdd(x, c3, s43);
            x = TSimd.Load(rows + (5 * BlockStride));
            s50 = TSimd.MultiplyAdd(x, c0, s50);
            s51 = TSimd.MultiplyAdd(x, c1, s51);
            s52 = TSimd.MultiplyAdd(x, c2, s52);
            s53 = TSimd.MultiplyAdd(x, c3, s53);
            rows += TSimd.Width;
            centroids += TSimd.Width;
        }
        while (rows < end);

        TSimd.Store(s00, sums + (0 * TSimd.Width));
        TSimd.Store(s01, sums + (6 * TSimd.Width));
        TSimd.Store(s02, sums + (12 * TSimd.Width));
        TSimd.Store(s03, sums + (18 * TSimd.Width));
        TSimd.Store(s10, sums + (1 * TSimd.Width));
        TSimd.Store(s11, sums + (7 * TSimd.Width));
        TSimd.Store(s12, sums + (13 * TSimd.Width));
        TSimd.Store(s13, sums + (19 * TSimd.Width));
        TSimd.Store(s20, sums + (2 * TSimd.Width));
        TSimd.Store(s21, sums + (8 * TSimd.Width));
        TSimd.Store(s22, sums + (14 * TSimd.Width));
        TSimd.Store(s23, sums + (20 * TSimd.Width));
        TSimd.Store(s30, sums + (3 * TSimd.Width));
        TSimd.Store(s31, sums + (9 * TSimd.Width));
        TSimd.Store(s32, sums + (15 * TSimd.Width));
        TSimd.Store(s33, sums + (21 * TSimd.Width));
        TSimd.Store(s40, sums + (4 * TSimd.Width));
        TSimd.Store(s41, sums + (10 * TSimd.Width));
        TSimd.Store(s42, sums + (16 * TSimd.Width));
        TSimd.Store(s43, sums + (22 * TSimd.Width));
        TSimd.Store(s50, sums + (5 * TSimd.Width));
        TSimd.Store(s51, sums + (11 * TSimd.Width));
        TSimd.Store(s52, sums + (17 * TSimd.Width));
        TSimd.Store(s53, sums + (23 * TSimd.Width));
    }

    /// <summary>6 rows by 2 centres.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DotTile6x2(float* rows, float* centroids, nint count, float* sums, bool first)
    {
        TVector s00, s01;
        TVector s10, s11;
        TVector s20, s21;
        TVector s30, s31;
        TVector s40, s41;
        TVector s50, s51;
        if (first)
        {
            s00 = s01 = TSimd.Zero;
            s10 = s11 = TSimd.Zero;
            s20 = s21 = TSimd.Zero;
            s30 = s31 = TSimd.Zero;
            s40 = s41 = TSimd.Zero;
            s50 = s51 = TSimd.Zero;
        }
        else
        {
            s00 = TSimd.Load(sums + (0 * TSimd.Width));
            s01 = TSimd.Load(sums + (6 * TSimd.Width));
            s10 = TSimd.Load(sums + (1 * TSimd.Width));
            s11 = TSimd.Load(sums + (7 * TSimd.Width));
            s20 = TSimd.Load(sums + (2 * TSimd.Width));
            s21 = TSimd.Load(sums + (8 * TSimd.Width));
            s30 = TSimd.Load(sums + (3 * TSimd.Width));
            s31 = TSimd.Load(sums + (9 * TSimd.Width));
            s40 = TSimd.Load(sums + (4 * TSimd.Width));
            s41 = TSimd.Load(sums + (10 * TSimd.Width));
            s50 = TSimd.Load(sums + (5 * TSimd.Width));
            s51 = TSimd.Load(sums + (11 * TSimd.Width));
        }

        float* end = rows + count;
        do
        {
            TVector c0 = TSimd.Load(centroids);
            TVector c1 = TSimd.Load(centroids + BlockStride);
            TVector x = TSimd.Load(rows);
            s00 = TSimd.MultiplyAdd(x, c0, s00);
            s01 = TSimd.MultiplyAdd(x, c1, s01);
            x = TSimd.Load(rows + BlockStride);
            s10 = TSimd.MultiplyAdd(x, c0, s10);
            s11 = TSimd.MultiplyAdd(x, c1, s11);
            x = TSimd.Load(rows + (2 * BlockStride));
            s20 = TSimd.MultiplyAdd(x, c0, s20);
            s21 = TSimd.MultiplyAdd(x, c1, s21);
            x = TSimd.Load(rows + (3 * BlockStride));
            s30 = TSimd.MultiplyAdd(x, c0, s30);
            s31 = TSimd.MultiplyAdd(x, c1, s31);
            x = TSimd.Load(rows + (4 * BlockStride));
            s40 = TSimd.MultiplyAdd(x, c0, s40);
            s41 = TSimd.MultiplyAdd(x, c1, s41);
            x = TSimd.Load(rows + (5 * BlockStride));
            s50 = TSimd.MultiplyAdd(x, c0, s50);
            s51 = TSimd.MultiplyAdd(x, c1, s51);
            rows += TSimd.Width;
            centroids += TSimd.Width;
        }
        while (rows < end);

        TSimd.Store(s00, sums + (0 * TSimd.Width));
        TSimd.Store(s01, sums + (6 * TSimd.Width));
        TSimd.Store(s10, sums + (1 * TSimd.Width));
        TSimd.Store(s11, sums + (7 * TSimd.Width));
        TSimd.Store(s20, sums + (2 * TSimd.Width));
        TSimd.Store(s21, sums + (8 * TSimd.Width));
        TSimd.Store(s30, sums + (3 * TSimd.Width));
        TSimd.Store(s31, sums + (9 * TSimd.Width));
        TSimd.Store(s40, sums + (4 * TSimd.Width));
        TSimd.Store(s41, sums + (10 * TSimd.Width));
        TSimd.Store(s50, sums + (5 * TSimd.Width));
        TSimd.Store(s51, sums + (11 * TSimd.Width));
    }

    /// <summary>3 rows by 4 centres.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DotTile3x4(float* rows, float* centroids, nint count, float* sums, bool first)
    {
        TVector s00, s01, s02, s03;
        TVector s10, s11, s12, s13;
        TVector s20, s21, s22, s23;
        if (first)
        {
            s00 = s01 = s02 = s03 = TSimd.Zero;
            s10 = s11 = s12 = s13 = TSimd.Zero;
            s20 = s21 = s22 = s23 = TSimd.Zero;
        }
        else
        {
            s00 = TSimd.Load(sums + (0 * TSimd.Width));
            s01 = TSimd.Load(sums + (3 * TSimd.Width));
            s02 = TSimd.Load(sums + (6 * TSimd.Width));
            s03 = TSimd.Load(sums + (9 * TSimd.Width));
            s10 = TSimd.Load(sums + (1 * TSimd.Width));
            s11 = TSimd.Load(sums + (4 * TSimd.Width));
            s12 = TSimd.Load(sums + (7 * TSimd.Width));
            s13 = TSimd.Load(sums + (10 * TSimd.Width));
            s20 = TSimd.Load(sums + (2 * TSimd.Width));
            s21 = TSimd.Load(sums + (5 * TSimd.Width));
            s22 = TSimd.Load(sums + (8 * TSimd.Width));
            s23 = TSimd.Load(sums + (11 * TSimd.Width));
        }

        float* end = rows + count;
        do
        {
            TVector x0 = TSimd.Load(rows);
            TVector x1 = TSimd.Load(rows + BlockStride);
            TVector x2 = TSimd.Load(rows + (2 * BlockStride));
            TVector c = TSimd.Load(centroids);
            s00 = TSimd.MultiplyAdd(x0, c, s00);
            s10 = TSimd.MultiplyAdd(x1, c, s10);
            s20 = TSimd.MultiplyAdd(x2, c, s20);
            c = TSimd.Load(centroids + BlockStride);
            s01 = TSimd.MultiplyAdd(x0, c, s01);
            s11 = TSimd.MultiplyAdd(x1, c, s11);
            s21 = TSimd.MultiplyAdd(x2, c, s21);
            c = TSimd.Load(centroids + (2 * BlockStride));
            s02 = TSimd.MultiplyAdd(x0, c, s02);
            s12 = TSimd.MultiplyAdd(x1, c, s12);
            s22 = TSimd.MultiplyAdd(x2, c, s22);
            c = TSimd.Load(centroids + (3 * BlockStride));
            s03 = TSimd.MultiplyAdd(x0, c, s03);
            s13 = TSimd.MultiplyAdd(x1, c, s13);
            s23 = TSimd.MultiplyAdd(x2, c, s23);
            rows += TSimd.Width;
            centroids += TSimd.Width;
        }
        while (rows < end);

        TSimd.Store(s00, sums + (0 * TSimd.Width));
        TSimd.Store(s01, sums + (3 * TSimd.Width));
        TSimd.Store(s02, sums + (6 * TSimd.Width));
        TSimd.Store(s03, sums + (9 * TSimd.Width));
        TSimd.Store(s10, sums + (1 * TSimd.Width));
        TSimd.Store(s11, sums + (4 * TSimd.Width));
        TSimd.Store(s12, sums + (7 * TSimd.Width));
        TSimd.Store(s13, sums + (10 * TSimd.Width));
        TSimd.Store(s20, sums + (2 * TSimd.Width));
        TSimd.Store(s21, sums + (5 * TSimd.Width));
        TSimd.Store(s22, sums + (8 * TSimd.Width));
        TSimd.Store(s23, sums + (11 * TSimd.Width));
    }

    /// <summary>3 rows by 2 centres.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DotTile3x2(float* rows, float* centroids, nint count, float* sums, bool first)
    {
        TVector s00, s01;
        TVector s10, s11;
        TVector s20, s21;
        if (first)
        {
            s00 = s01 = TSimd.Zero;
            s10 = s11 = TSimd.Zero;
            s20 = s21 = TSimd.Zero;
        }
        else
        {
            s00 = TSimd.Load(sums + (0 * TSimd.Width));
            s01 = TSimd.Load(sums + (3 * TSimd.Width));
            s10 = TSimd.Load(sums + (1 * TSimd.Width));
            s11 = TSimd.Load(sums + (4 * TSimd.Width));
            s20 = TSimd.Load(sums + (2 * TSimd.Width));
            s21 = TSimd.Load(sums + (5 * TSimd.Width));
        }

        float* end = rows + count;
        do
        {
            TVector c0 = TSimd.Load(centroids);
            TVector c1 = TSimd.Load(centroids + BlockStride);
            TVector x = TSimd.Load(rows);
            s00 = TSimd.MultiplyAdd(x, c0, s00);
            s01 = TSimd.MultiplyAdd(x, c1, s01);
            x = TSimd.Load(rows + BlockStride);
            s10 = TSimd.MultiplyAdd(x, c0, s10);
            s11 = TSimd.MultiplyAdd(x, c1, s11);
            x = TSimd.Load(rows + (2 * BlockStride));
            s20 = TSimd.MultiplyAdd(x, c0, s20);
            s21 = TSimd.MultiplyAdd(x, c1, s21);
            rows += TSimd.Width;
            centroids += TSimd.Width;
        }
        while (rows < end);

        TSimd.Store(s00, sums + (0 * TSimd.Width));
        TSimd.Store(s01, sums + (3 * TSimd.Width));
        TSimd.Store(s10, sums + (1 * TSimd.Width));
        TSimd.Store(s11, sums + (4 * TSimd.Width));
        TSimd.Store(s20, sums + (2 * TSimd.Width));
        TSimd.Store(s21, sums + (5 * TSimd.Width));
    }
}
