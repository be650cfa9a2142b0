using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Ddoq.Numerics.Kernels;

/// <summary>Tiles in packed form: vectors run along the centres, one value of a row is broadcast at a time.</summary>
/// <remarks>
/// rows stand <c>BlockStride</c> floats apart; panel holds 2 vectors of centres per value of D, contiguous; count is any
/// positive length. Each score adds its block sum once. 12 rows need 27 of 32 registers, 6 rows 15 of 16, 12 rows by one vector 14. Best for many
/// centres and for the Gram matrix: no sums across lanes. Tiles of 8 x 3 and 24 x 1 vectors were slower or equal. A tile may
/// ask for memory that comes next, a little at each step: asked for in one go it would wait for the memory after all.
/// </remarks>
internal sealed unsafe partial class LatentKernels<TSimd, TVector, TRow>
{
    /// <summary>12 rows by 2 vectors of centres.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackedTile12<TAhead>(float* rows, float* panel, nint count, float* scores, nint stride, bool first, byte* ahead, nint aheadStep)
        where TAhead : struct, ILookAhead
    {
        TVector s00 = TSimd.Zero, s01 = TSimd.Zero;
        TVector s10 = TSimd.Zero, s11 = TSimd.Zero;
        TVector s20 = TSimd.Zero, s21 = TSimd.Zero;
        TVector s30 = TSimd.Zero, s31 = TSimd.Zero;
        TVector s40 = TSimd.Zero, s41 = TSimd.Zero;
        TVector s50 = TSimd.Zero, s51 = TSimd.Zero;
        TVector s60 = TSimd.Zero, s61 = TSimd.Zero;
        TVector s70 = TSimd.Zero, s71 = TSimd.Zero;
        TVector s80 = TSimd.Zero, s81 = TSimd.Zero;
        TVector s90 = TSimd.Zero, s91 = TSimd.Zero;
        TVector s100 = TSimd.Zero, s101 = TSimd.Zero;
        TVector s110 = TSimd.Zero, s111 = TSimd.Zero;
        if (!first && Sse.IsSupported)
        {
            for (int r = 0; r < 12; r++)
            {
                Sse.Prefetch0(scores + (r * stride));
                Sse.Prefetch0(scores + (r * stride) + TSimd.Width);
            }
        }

        float* end = rows + count;
        do
        {
            TVector c0 = TSimd.Load(panel), c1 = TSimd.Load(panel + TSimd.Width);
            TVector x = TSimd.Broadcast(*rows);
            s00 = TSimd.MultiplyAdd(x, c0, s00);
            s01 = TSimd.MultiplyAdd(x, c1, s01);
            x = TSimd.Broadcast(rows[BlockStride]);
            s10 = TSimd.MultiplyAdd(x, c0, s10);
            s11 = TSimd.MultiplyAdd(x, c1, s11);
            x = TSimd.Broadcast(rows[2 * BlockStride]);
            s20 = TSimd.MultiplyAdd(x, c0, s20);
            s21 = TSimd.MultiplyAdd(x, c1, s21);
            x = TSimd.Broadcast(rows[3 * BlockStride]);
            s30 = TSimd.MultiplyAdd(x, c0, s30);
            s31 = TSimd.MultiplyAdd(x, c1, s31);
            x = TSimd.Broadcast(rows[4 * BlockStride]);
            s40 = TSimd.MultiplyAdd(x, c0, s40);
            s41 = TSimd.MultiplyAdd(x, c1, s41);
            x = TSimd.Broadcast(rows[5 * BlockStride]);
            s50 = TSimd.MultiplyAdd(x, c0, s50);
            s51 = TSimd.MultiplyAdd(x, c1, s51);
            x = TSimd.Broadcast(rows[6 * BlockStride]);
            s60 = TSimd.MultiplyAdd(x, c0, s60);
            s61 = TSimd.MultiplyAdd(x, c1, s61);
            x = TSimd.Broadcast(rows[7 * BlockStride]);
            s70 = TSimd.MultiplyAdd(x, c0, s70);
            s71 = TSimd.MultiplyAdd(x, c1, s71);
            x = TSimd.Broadcast(rows[8 * BlockStride]);
            s80 = TSimd.MultiplyAdd(x, c0, s80);
            s81 = TSimd.MultiplyAdd(x, c1, s81);
            x = TSimd.Broadcast(rows[9 * BlockStride]);
            s90 = TSimd.MultiplyAdd(x, c0, s90);
            s91 = TSimd.MultiplyAdd(x, c1, s91);
            x = TSimd.Broadcast(rows[10 * BlockStride]);
            s100 = TSimd.MultiplyAdd(x, c0, s100);
            s101 = TSimd.MultiplyAdd(x, c1, s101);
            x = TSimd.Broadcast(rows[11 * BlockStride]);
            s110 = TSimd.MultiplyAdd(x, c0, s110);
            s111 = TSimd.MultiplyAdd(x, c1, s111);
            if (TAhead.IsOn)
            {
                Prefetch(ahead);
                ahead += aheadStep;
            }

            rows++;
            panel += 2 * TSimd.Width;
        }
        while (rows < end);

        if (!first)
        {
            s00 = TSimd.Add(TSimd.Load(scores), s00);
            s01 = TSimd.Add(TSimd.Load(scores + TSimd.Width), s01);
            s10 = TSimd.Add(TSimd.Load(scores + stride), s10);
            s11 = TSimd.Add(TSimd.Load(scores + stride + TSimd.Width), s11);
            s20 = TSimd.Add(TSimd.Load(scores + (2 * stride)), s20);
            s21 = TSimd.Add(TSimd.Load(scores + (2 * stride) + TSimd.Width), s21);
            s30 = TSimd.Add(TSimd.Load(scores + (3 * stride)), s30);
            s31 = TSimd.Add(TSimd.Load(scores + (3 * stride) + TSimd.Width), s31);
            s40 = TSimd.Add(TSimd.Load(scores + (4 * stride)), s40);
            s41 = TSimd.Add(TSimd.Load(scores + (4 * stride) + TSimd.Width), s41);
            s50 = TSimd.Add(TSimd.Load(scores + (5 * stride)), s50);
            s51 = TSimd.Add(TSimd.Load(scores + (5 * stride) + TSimd.Width), s51);
            s60 = TSimd.Add(TSimd.Load(scores + (6 * stride)), s60);
            s61 = TSimd.Add(TSimd.Load(scores + (6 * stride) + TSimd.Width), s61);
            s70 = TSimd.Add(TSimd.Load(scores + (7 * stride)), s70);
            s71 = TSimd.Add(TSimd.Load(scores + (7 * stride) + TSimd.Width), s71);
            s80 = TSimd.Add(TSimd.Load(scores + (8 * stride)), s80);
            s81 = TSimd.Add(TSimd.Load(scores + (8 * stride) + TSimd.Width), s81);
            s90 = TSimd.Add(TSimd.Load(scores + (9 * stride)), s90);
            s91 = TSimd.Add(TSimd.Load(scores + (9 * stride) + TSimd.Width), s91);
            s100 = TSimd.Add(TSimd.Load(scores + (10 * stride)), s100);
            s101 = TSimd.Add(TSimd.Load(scores + (10 * stride) + TSimd.Width), s101);
            s110 = TSimd.Add(TSimd.Load(scores + (11 * stride)), s110);
            s111 = TSimd.Add(TSimd.Load(scores + (11 * stride) + TSimd.Width), s111);
        }

        TSimd.Store(s00, scores);
        TSimd.Store(s01, scores + TSimd.Width);
        TSimd.Store(s10, scores + stride);
        TSimd.Store(s11, scores + stride + TSimd.Width);
        TSimd.Store(s20, scores + (2 * stride));
        TSimd.Store(s21, scores + (2 * stride) + TSimd.Width);
        TSimd.Store(s30, scores + (3 * stride));
        TSimd.Store(s31, scores + (3 * stride) + TSimd.Width);
        TSimd.Store(s40, scores + (4 * stride));
        TSimd.Store(s41, scores + (4 * stride) + TSimd.Width);
        TSimd.Store(s50, scores + (5 * stride));
        TSimd.Store(s51, scores + (5 * stride) + TSimd.Width);
        TSimd.Store(s60, scores + (6 * stride));
        TSimd.Store(s61, scores + (6 * stride) + TSimd.Width);
        TSimd.Store(s70, scores + (7 * stride));
        TSimd.Store(s71, scores + (7 * stride) + TSimd.Width);
        TSimd.Store(s80, scores + (8 * stride));
        TSimd.Store(s81, scores + (8 * stride) + TSimd.Width);
        TSimd.Store(s90, scores + (9 * stride));
        TSimd.Store(s91, scores + (9 * stride) + TSimd.Width);
        TSimd.Store(s100, scores + (10 * stride));
        TSimd.Store(s101, scores + (10 * stride) + TSimd.Width);
        TSimd.Store(s110, scores + (11 * stride));
        TSimd.Store(s111, scores + (11 * stride) + TSimd.Width);
    }

    /// <summary>6 rows by 2 vectors of centres.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackedTile6<TAhead>(float* rows, float* panel, nint count, float* scores, nint stride, bool first, byte* ahead, nint aheadStep)
        where TAhead : struct, ILookAhead
    {
        TVector s00 = TSimd.Zero, s01 = TSimd.Zero;
        TVector s10 = TSimd.Zero, s11 = TSimd.Zero;
        TVector s20 = TSimd.Zero, s21 = TSimd.Zero;
        TVector s30 = TSimd.Zero, s31 = TSimd.Zero;
        TVector s40 = TSimd.Zero, s41 = TSimd.Zero;
        TVector s50 = TSimd.Zero, s51 = TSimd.Zero;
        float* end = rows + count;
        do
        {
            TVector c0 = TSimd.Load(panel), c1 = TSimd.Load(panel + TSimd.Width);
            TVector x = TSimd.Broadcast(*rows);
            s00 = TSimd.MultiplyAdd(x, c0, s00);
            s01 = TSimd.MultiplyAdd(x, c1, s01);
            x = TSimd.Broadcast(rows[BlockStride]);
            s10 = TSimd.MultiplyAdd(x, c0, s10);
            s11 = TSimd.MultiplyAdd(x, c1, s11);
            x = TSimd.Broadcast(rows[2 * BlockStride]);
            s20 = TSimd.MultiplyAdd(x, c0, s20);
            s21 = TSimd.MultiplyAdd(x, c1, s21);
            x = TSimd.Broadcast(rows[3 * BlockStride]);
            s30 = TSimd.MultiplyAdd(x, c0, s30);
            s31 = TSimd.MultiplyAdd(x, c1, s31);
            x = TSimd.Broadcast(rows[4 * BlockStride]);
            s40 = TSimd.MultiplyAdd(x, c0, s40);
            s41 = TSimd.MultiplyAdd(x, c1, s41);
            x = TSimd.Broadcast(rows[5 * BlockStride]);
            s50 = TSimd.MultiplyAdd(x, c0, s50);
            s51 = TSimd.MultiplyAdd(x, c1, s51);
            if (TAhead.IsOn)
            {
                Prefetch(ahead);
                ahead += aheadStep;
            }

            rows++;
            panel += 2 * TSimd.Width;
        }
        while (rows < end);

        if (!first)
        {
            s00 = TSimd.Add(TSimd.Load(scores), s00);
            s01 = TSimd.Add(TSimd.Load(scores + TSimd.Width), s01);
            s10 = TSimd.Add(TSimd.Load(scores + stride), s10);
            s11 = TSimd.Add(TSimd.Load(scores + stride + TSimd.Width), s11);
            s20 = TSimd.Add(TSimd.Load(scores + (2 * stride)), s20);
            s21 = TSimd.Add(TSimd.Load(scores + (2 * stride) + TSimd.Width), s21);
            s30 = TSimd.Add(TSimd.Load(scores + (3 * stride)), s30);
            s31 = TSimd.Add(TSimd.Load(scores + (3 * stride) + TSimd.Width), s31);
            s40 = TSimd.Add(TSimd.Load(scores + (4 * stride)), s40);
            s41 = TSimd.Add(TSimd.Load(scores + (4 * stride) + TSimd.Width), s41);
            s50 = TSimd.Add(TSimd.Load(scores + (5 * stride)), s50);
            s51 = TSimd.Add(TSimd.Load(scores + (5 * stride) + TSimd.Width), s51);
        }

        TSimd.Store(s00, scores);
        TSimd.Store(s01, scores + TSimd.Width);
        TSimd.Store(s10, scores + stride);
        TSimd.Store(s11, scores + stride + TSimd.Width);
        TSimd.Store(s20, scores + (2 * stride));
        TSimd.Store(s21, scores + (2 * stride) + TSimd.Width);
        TSimd.Store(s30, scores + (3 * stride));
        TSimd.Store(s31, scores + (3 * stride) + TSimd.Width);
        TSimd.Store(s40, scores + (4 * stride));
        TSimd.Store(s41, scores + (4 * stride) + TSimd.Width);
        TSimd.Store(s50, scores + (5 * stride));
        TSimd.Store(s51, scores + (5 * stride) + TSimd.Width);
    }

    /// <summary>12 rows by 1 vector of centres of a width that may be narrower than the class's own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void NarrowTile12<TNarrow, TNarrowVector, TAhead>(float* rows, float* panel, nint count, float* scores, nint stride, bool first, byte* ahead, nint aheadStep)
        where TNarrow : struct, ISimd<TNarrowVector>
        where TNarrowVector : unmanaged
        where TAhead : struct, ILookAhead
    {
        TNarrowVector s0 = TNarrow.Zero;
        TNarrowVector s1 = TNarrow.Zero;
        TNarrowVector s2 = TNarrow.Zero;
        TNarrowVector s3 = TNarrow.Zero;
        TNarrowVector s4 = TNarrow.Zero;
        TNarrowVector s5 = TNarrow.Zero;
        TNarrowVector s6 = TNarrow.Zero;
        TNarrowVector s7 = TNarrow.Zero;
        TNarrowVector s8 = TNarrow.Zero;
        TNarrowVector s9 = TNarrow.Zero;
        TNarrowVector s10 = TNarrow.Zero;
        TNarrowVector s11 = TNarrow.Zero;
        float* end = rows + count;
        do
        {
            TNarrowVector c = TNarrow.Load(panel);
            s0 = TNarrow.MultiplyAdd(TNarrow.Broadcast(*rows), c, s0);
            s1 = TNarrow.MultiplyAdd(TNarrow.Broadcast(rows[BlockStride]), c, s1);
            s2 = TNarrow.MultiplyAdd(TNarrow.Broadcast(rows[2 * BlockStride]), c, s2);
            s3 = TNarrow.MultiplyAdd(TNarrow.Broadcast(rows[3 * BlockStride]), c, s3);
            s4 = TNarrow.MultiplyAdd(TNarrow.Broadcast(rows[4 * BlockStride]), c, s4);
            s5 = TNarrow.MultiplyAdd(TNarrow.Broadcast(rows[5 * BlockStride]), c, s5);
            s6 = TNarrow.MultiplyAdd(TNarrow.Broadcast(rows[6 * BlockStride]), c, s6);
            s7 = TNarrow.MultiplyAdd(TNarrow.Broadcast(rows[7 * BlockStride]), c, s7);
            s8 = TNarrow.MultiplyAdd(TNarrow.Broadcast(rows[8 * BlockStride]), c, s8);
            s9 = TNarrow.MultiplyAdd(TNarrow.Broadcast(rows[9 * BlockStride]), c, s9);
            s10 = TNarrow.MultiplyAdd(TNarrow.Broadcast(rows[10 * BlockStride]), c, s10);
            s11 = TNarrow.MultiplyAdd(TNarrow.Broadcast(rows[11 * BlockStride]), c, s11);
            if (TAhead.IsOn)
            {
                Prefetch(ahead);
                ahead += aheadStep;
            }

            rows++;
            panel += TNarrow.Width;
        }
        while (rows < end);

        if (!first)
        {
            s0 = TNarrow.Add(TNarrow.Load(scores), s0);
            s1 = TNarrow.Add(TNarrow.Load(scores + stride), s1);
            s2 = TNarrow.Add(TNarrow.Load(scores + (2 * stride)), s2);
            s3 = TNarrow.Add(TNarrow.Load(scores + (3 * stride)), s3);
            s4 = TNarrow.Add(TNarrow.Load(scores + (4 * stride)), s4);
            s5 = TNarrow.Add(TNarrow.Load(scores + (5 * stride)), s5);
            s6 = TNarrow.Add(TNarrow.Load(scores + (6 * stride)), s6);
            s7 = TNarrow.Add(TNarrow.Load(scores + (7 * stride)), s7);
            s8 = TNarrow.Add(TNarrow.Load(scores + (8 * stride)), s8);
            s9 = TNarrow.Add(TNarrow.Load(scores + (9 * stride)), s9);
            s10 = TNarrow.Add(TNarrow.Load(scores + (10 * stride)), s10);
            s11 = TNarrow.Add(TNarrow.Load(scores + (11 * stride)), s11);
        }

        TNarrow.Store(s0, scores);
        TNarrow.Store(s1, scores + stride);
        TNarrow.Store(s2, scores + (2 * stride));
        TNarrow.Store(s3, scores + (3 * stride));
        TNarrow.Store(s4, scores + (4 * stride));
        TNarrow.Store(s5, scores + (5 * stride));
        TNarrow.Store(s6, scores + (6 * stride));
        TNarrow.Store(s7, scores + (7 * stride));
        TNarrow.Store(s8, scores + (8 * stride));
        TNarrow.Store(s9, scores + (9 * stride));
        TNarrow.Store(s10, scores + (10 * stride));
        TNarrow.Store(s11, scores + (11 * stride));
    }
}
