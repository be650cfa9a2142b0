using System.Runtime.CompilerServices;
using Ddoq.Latents;

namespace Ddoq.Numerics.Kernels;

/// <summary>The kernels over one instruction set: conversion and operations along one row.</summary>
internal sealed unsafe partial class LatentKernels<TSimd, TVector, TRow> : LatentKernels
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TRow : struct, IRowFormat
{
    /// <inheritdoc/>
    public override LatentElementType RowType => TRow.Type;

    /// <inheritdoc/>
    public override string Name => TSimd.Name;

    /// <inheritdoc/>
    public override bool IsSupported => TSimd.IsSupported;

    /// <inheritdoc/>
    public override LatentKernels ForRows(LatentElementType type) => type == RowType ? this : type switch
    {
        LatentElementType.F16 => new LatentKernels<TSimd, TVector, HalfRow>(),
        LatentElementType.BF16 => new LatentKernels<TSimd, TVector, BFloatRow>(),
        _ => new LatentKernels<TSimd, TVector, SingleRow>(),
    };

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Widen(void* source, float* destination, int count)
    {
        nint j = 0;
        for (; j <= count - TSimd.Width; j += TSimd.Width)
            TSimd.Store(TRow.Widen<TSimd, TVector>(source, j), destination + j);
        for (; j < count; j++)
            destination[j] = TRow.Widen(source, j);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void WidenCentred(void* source, float* mean, float* destination, int count)
    {
        nint j = 0;
        for (; j <= count - TSimd.Width; j += TSimd.Width)
            TSimd.Store(TSimd.Subtract(TRow.Widen<TSimd, TVector>(source, j), TSimd.Load(mean + j)), destination + j);
        for (; j < count; j++)
            destination[j] = TRow.Widen(source, j) - mean[j];
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddWidened(void* row, float* sums, int count)
    {
        nint j = 0;
        for (; j <= count - TSimd.Width; j += TSimd.Width)
            TSimd.Store(TSimd.Add(TSimd.Load(sums + j), TRow.Widen<TSimd, TVector>(row, j)), sums + j);
        for (; j < count; j++)
            sums[j] += TRow.Widen(row, j);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float Dot(float* x, float* y, int count)
    {
        TVector sum0 = TSimd.Zero, sum1 = TSimd.Zero;
        nint j = 0;
        for (; j <= count - (2 * TSimd.Width); j += 2 * TSimd.Width)
        {
            sum0 = TSimd.MultiplyAdd(TSimd.Load(x + j), TSimd.Load(y + j), sum0);
            sum1 = TSimd.MultiplyAdd(TSimd.Load(x + j + TSimd.Width), TSimd.Load(y + j + TSimd.Width), sum1);
        }

        if (j < count)
            sum0 = TSimd.MultiplyAdd(TSimd.Load(x + j), TSimd.Load(y + j), sum0);
        return TSimd.Sum(TSimd.Add(sum0, sum1));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override float SquaredDistance(float* x, float* y, int count)
    {
        TVector sum0 = TSimd.Zero, sum1 = TSimd.Zero;
        nint j = 0;
        for (; j <= count - (2 * TSimd.Width); j += 2 * TSimd.Width)
        {
            TVector d0 = TSimd.Subtract(TSimd.Load(x + j), TSimd.Load(y + j));
            TVector d1 = TSimd.Subtract(TSimd.Load(x + j + TSimd.Width), TSimd.Load(y + j + TSimd.Width));
            sum0 = TSimd.MultiplyAdd(d0, d0, sum0);
            sum1 = TSimd.MultiplyAdd(d1, d1, sum1);
        }

        if (j < count)
        {
            TVector d = TSimd.Subtract(TSimd.Load(x + j), TSimd.Load(y + j));
            sum0 = TSimd.MultiplyAdd(d, d, sum0);
        }

        return TSimd.Sum(TSimd.Add(sum0, sum1));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddScaled(float scale, float* x, float* y, int count)
    {
        TVector factor = TSimd.Broadcast(scale);
        for (nint j = 0; j < count; j += TSimd.Width)
            TSimd.Store(TSimd.MultiplyAdd(factor, TSimd.Load(x + j), TSimd.Load(y + j)), y + j);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Blend(float keep, float scale, float* x, float* y, int count)
    {
        TVector factor = TSimd.Broadcast(scale), kept = TSimd.Broadcast(keep);
        for (nint j = 0; j < count; j += TSimd.Width)
        {
            TVector value = TSimd.Multiply(kept, TSimd.Load(y + j));
            TSimd.Store(TSimd.MultiplyAdd(factor, TSimd.Load(x + j), value), y + j);
        }
    }
}
