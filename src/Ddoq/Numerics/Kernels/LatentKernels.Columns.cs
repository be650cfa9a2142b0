using System.Runtime.CompilerServices;

namespace Ddoq.Numerics.Kernels;

/// <summary>Steps of the algorithms in Gram space: centres are rows of <c>V</c> (K x N), one column per row of the class.</summary>
/// <remarks>
/// The loops run along the columns with four centres at a time, so V is read in order and the running minimum is read
/// and written a quarter as often. Lanes are independent: the lowest centre wins among equals because a later one has to be smaller.
/// </remarks>
internal sealed unsafe partial class LatentKernels<TSimd, TVector, TRow>
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void NearestInColumns(float* v, nint stride, float* slopes, float* norms, int centroids, float* best, float* second, float* index, int count)
    {
        TVector infinity = TSimd.Broadcast(float.PositiveInfinity);
        for (int i = 0; i < count; i += TSimd.Width)
        {
            TSimd.Store(infinity, best + i);
            TSimd.Store(infinity, second + i);
            TSimd.Store(TSimd.Zero, index + i);
        }

        int k = 0;
        for (; k + 4 <= centroids; k += 4)
        {
            float* v0 = v + (k * stride);
            TVector a0 = TSimd.Broadcast(slopes[k]), a1 = TSimd.Broadcast(slopes[k + 1]), a2 = TSimd.Broadcast(slopes[k + 2]), a3 = TSimd.Broadcast(slopes[k + 3]);
            TVector q0 = TSimd.Broadcast(norms[k]), q1 = TSimd.Broadcast(norms[k + 1]), q2 = TSimd.Broadcast(norms[k + 2]), q3 = TSimd.Broadcast(norms[k + 3]);
            TVector n0 = TSimd.Broadcast(k), n1 = TSimd.Broadcast(k + 1), n2 = TSimd.Broadcast(k + 2), n3 = TSimd.Broadcast(k + 3);
            for (int i = 0; i < count; i += TSimd.Width)
            {
                TVector b = TSimd.Load(best + i), s = TSimd.Load(second + i), n = TSimd.Load(index + i);
                Take(TSimd.MultiplyAdd(a0, TSimd.Load(v0 + i), q0), n0, ref b, ref s, ref n);
                Take(TSimd.MultiplyAdd(a1, TSimd.Load(v0 + stride + i), q1), n1, ref b, ref s, ref n);
                Take(TSimd.MultiplyAdd(a2, TSimd.Load(v0 + (2 * stride) + i), q2), n2, ref b, ref s, ref n);
                Take(TSimd.MultiplyAdd(a3, TSimd.Load(v0 + (3 * stride) + i), q3), n3, ref b, ref s, ref n);
                TSimd.Store(b, best + i);
                TSimd.Store(s, second + i);
                TSimd.Store(n, index + i);
            }
        }

        for (; k < centroids; k++)
        {
            TVector a = TSimd.Broadcast(slopes[k]), q = TSimd.Broadcast(norms[k]), number = TSimd.Broadcast(k);
            for (int i = 0; i < count; i += TSimd.Width)
            {
                TVector b = TSimd.Load(best + i), s = TSimd.Load(second + i), n = TSimd.Load(index + i);
                Take(TSimd.MultiplyAdd(a, TSimd.Load(v + (k * stride) + i), q), number, ref b, ref s, ref n);
                TSimd.Store(b, best + i);
                TSimd.Store(s, second + i);
                TSimd.Store(n, index + i);
            }
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void CheapestJoinInColumns(
        float* v, nint stride, float* slopes, float* norms, float* factors, int centroids, float* rowNorms, float* labels, float* best, float* index, int count)
    {
        TVector infinity = TSimd.Broadcast(float.PositiveInfinity);
        for (int i = 0; i < count; i += TSimd.Width)
        {
            TSimd.Store(infinity, best + i);
            TSimd.Store(TSimd.Zero, index + i);
        }

        int k = 0;
        for (; k + 2 <= centroids; k += 2)
        {
            float* v0 = v + (k * stride);
            TVector a0 = TSimd.Broadcast(slopes[k]), a1 = TSimd.Broadcast(slopes[k + 1]);
            TVector q0 = TSimd.Broadcast(norms[k]), q1 = TSimd.Broadcast(norms[k + 1]);
            TVector f0 = TSimd.Broadcast(factors[k]), f1 = TSimd.Broadcast(factors[k + 1]);
            TVector n0 = TSimd.Broadcast(k), n1 = TSimd.Broadcast(k + 1);
            for (int i = 0; i < count; i += TSimd.Width)
            {
                TVector b = TSimd.Load(best + i), n = TSimd.Load(index + i), label = TSimd.Load(labels + i), g = TSimd.Load(rowNorms + i);
                TVector cost0 = TSimd.Multiply(f0, TSimd.Add(g, TSimd.MultiplyAdd(a0, TSimd.Load(v0 + i), q0)));
                TVector cost1 = TSimd.Multiply(f1, TSimd.Add(g, TSimd.MultiplyAdd(a1, TSimd.Load(v0 + stride + i), q1)));
                cost0 = TSimd.SelectEqual(label, n0, infinity, cost0);
                cost1 = TSimd.SelectEqual(label, n1, infinity, cost1);
                n = TSimd.SelectLess(cost0, b, n0, n);
                b = TSimd.SelectLess(cost0, b, cost0, b);
                n = TSimd.SelectLess(cost1, b, n1, n);
                b = TSimd.SelectLess(cost1, b, cost1, b);
                TSimd.Store(b, best + i);
                TSimd.Store(n, index + i);
            }
        }

        if (k < centroids)
        {
            TVector a = TSimd.Broadcast(slopes[k]), q = TSimd.Broadcast(norms[k]), f = TSimd.Broadcast(factors[k]), number = TSimd.Broadcast(k);
            for (int i = 0; i < count; i += TSimd.Width)
            {
                TVector b = TSimd.Load(best + i);
                TVector cost = TSimd.Multiply(f, TSimd.Add(TSimd.Load(rowNorms + i), TSimd.MultiplyAdd(a, TSimd.Load(v + (k * stride) + i), q)));
                cost = TSimd.SelectEqual(TSimd.Load(labels + i), number, infinity, cost);
                TSimd.Store(TSimd.SelectLess(cost, b, number, TSimd.Load(index + i)), index + i);
                TSimd.Store(TSimd.SelectLess(cost, b, cost, b), best + i);
            }
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void CheapestWeightedJoinInColumns(
        float* v, nint stride, float* slopes, float* norms, float* masses, int centroids, float* rowNorms, float* weights, float* labels, float* best, float* index, int count)
    {
        for (int i = 0; i < count; i += TSimd.Width)
        {
            TVector infinity = TSimd.Broadcast(float.PositiveInfinity), b = infinity, n = TSimd.Zero;
            TVector label = TSimd.Load(labels + i), norm = TSimd.Load(rowNorms + i), weight = TSimd.Load(weights + i);
            for (int k = 0; k < centroids; k++)
            {
                TVector mass = TSimd.Broadcast(masses[k]), number = TSimd.Broadcast(k);
                TVector distance = TSimd.Add(norm, TSimd.MultiplyAdd(TSimd.Broadcast(slopes[k]), TSimd.Load(v + (k * stride) + i), TSimd.Broadcast(norms[k])));
                TVector cost = TSimd.Multiply(TSimd.Divide(mass, TSimd.Add(mass, weight)), distance);
                cost = TSimd.SelectEqual(label, number, infinity, cost);
                n = TSimd.SelectLess(cost, b, number, n);
                b = TSimd.SelectLess(cost, b, cost, b);
            }

            TSimd.Store(b, best + i);
            TSimd.Store(n, index + i);
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void DistancesInColumns(float* gramRow, float* rowNorms, float norm, float* distances, int count)
    {
        TVector minusTwo = TSimd.Broadcast(-2f), own = TSimd.Broadcast(norm);
        for (int i = 0; i < count; i += TSimd.Width)
        {
            TVector value = TSimd.MultiplyAdd(minusTwo, TSimd.Load(gramRow + i), TSimd.Add(TSimd.Load(rowNorms + i), own));
            TSimd.Store(TSimd.SelectLess(value, TSimd.Zero, TSimd.Zero, value), distances + i);
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override double LowerTo(float* bounds, float* values, int count)
    {
        double total = 0;
        int first = 0;
        while (first < count)
        {
            int end = Math.Min(first + Block, count);
            TVector sum = TSimd.Zero;
            int i = first;
            for (; i + TSimd.Width <= end; i += TSimd.Width)
            {
                TVector value = TSimd.Load(values + i), bound = TSimd.Load(bounds + i);
                value = TSimd.SelectLess(bound, value, bound, value);
                TSimd.Store(value, values + i);
                sum = TSimd.Add(sum, value);
            }

            total += TSimd.Sum(sum);
            for (; i < end; i++)
            {
                values[i] = Math.Min(values[i], bounds[i]);
                total += values[i];
            }

            first = end;
        }

        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Take(TVector value, TVector number, ref TVector best, ref TVector second, ref TVector index)
    {
        // The loser of value and best competes for second.
        TVector loser = TSimd.SelectLess(value, best, best, value);
        second = TSimd.SelectLess(loser, second, loser, second);
        index = TSimd.SelectLess(value, best, number, index);
        best = TSimd.SelectLess(value, best, value, best);
    }
}
