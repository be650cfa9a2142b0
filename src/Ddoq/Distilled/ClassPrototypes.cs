using System.Globalization;
using System.Numerics.Tensors;
using Ddoq.Quantization;

namespace Ddoq.Distilled;

/// <summary>The quantiser's result for one class: centres, how many rows each stands for, and the distortion.</summary>
public sealed class ClassPrototypes
{
    private ClassPrototypes(float[] centroids, long[] counts, double[] masses, double distortion)
    {
        Centroids = centroids;
        Counts = counts;
        Masses = masses;
        Distortion = distortion;
    }

    /// <summary>No centres: the result for a class without rows.</summary>
    public static ClassPrototypes Empty { get; } = new([], [], [], 0);

    /// <summary>Centres, K_c x D values, row-major.</summary>
    public ReadOnlyMemory<float> Centroids { get; }

    /// <summary>Rows of each centre's Voronoi cell (v), K_c values above 0.</summary>
    public ReadOnlyMemory<long> Counts { get; }

    /// <summary>Sum of the sample weights in each centre's cell, K_c values above 0; empty when the rows have no weights.</summary>
    public ReadOnlyMemory<double> Masses { get; }

    /// <summary>Mean squared distance of the class's rows to their centre, G = W2^2 (equation 16).</summary>
    public double Distortion { get; }

    /// <summary>Number of centres (K_c).</summary>
    public int Count => Counts.Length;

    /// <summary>Takes a result, copying it. Centres of empty cells stand for nothing and are left out.</summary>
    /// <param name="length">Values per centre (D).</param>
    /// <param name="centroids">K x D values, row-major.</param>
    /// <param name="counts">K values, 0 or more.</param>
    /// <param name="distortion">Mean squared distance, 0 or more.</param>
    /// <param name="masses">K sums of sample weights, finite, 0 or more; empty without weights. A cell without mass is empty.</param>
    /// <exception cref="ArgumentException">The lengths disagree.</exception>
    /// <exception cref="DdoqException">A count or mass is negative, or a mass, a centre or the distortion is not finite.</exception>
    public static ClassPrototypes Create(int length, ReadOnlySpan<float> centroids, ReadOnlySpan<long> counts, double distortion, ReadOnlySpan<double> masses = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        if (centroids.Length != (long)counts.Length * length)
            throw new ArgumentException($"{centroids.Length} values for {counts.Length} centres of {length}", nameof(centroids));
        if (!masses.IsEmpty && masses.Length != counts.Length)
            throw new ArgumentException($"{masses.Length} masses for {counts.Length} centres", nameof(masses));
        if (!double.IsFinite(distortion) || distortion < 0)
            throw Bad($"the distortion is {distortion.ToString(CultureInfo.InvariantCulture)}, allowed are finite numbers from 0");
        int used = 0;
        for (int k = 0; k < counts.Length; k++)
        {
            if (counts[k] < 0)
                throw Bad($"centre {k} has count {counts[k]}, allowed are 0 and above");
            if (!masses.IsEmpty && !(masses[k] >= 0 && masses[k] <= double.MaxValue))
                throw Bad($"centre {k} has mass {masses[k].ToString(CultureInfo.InvariantCulture)}, allowed are finite numbers from 0");
            int bad = IndexOfNonFinite(centroids.Slice(k * length, length));
            if (bad >= 0)
                throw Bad($"centre {k} holds {centroids[(k * length) + bad].ToString(CultureInfo.InvariantCulture)} at value {bad}, allowed are finite numbers");
            if (IsUsed(k, counts, masses))
                used++;
        }

        float[] keptCentroids = new float[used * length];
        long[] keptCounts = new long[used];
        double[] keptMasses = new double[masses.IsEmpty ? 0 : used];
        int next = 0;
        for (int k = 0; k < counts.Length; k++)
        {
            if (!IsUsed(k, counts, masses))
                continue;
            centroids.Slice(k * length, length).CopyTo(keptCentroids.AsSpan(next * length));
            if (!masses.IsEmpty)
                keptMasses[next] = masses[k];
            keptCounts[next++] = counts[k];
        }

        return new ClassPrototypes(keptCentroids, keptCounts, keptMasses, distortion);
    }

    /// <summary>Takes the quantiser's result of one class.</summary>
    /// <exception cref="DdoqException">A centre or the distortion is not finite.</exception>
    public static ClassPrototypes From(ClassQuantization result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return result.CentroidCount == 0 ? Empty : Create(result.Dimension, result.Centroids, result.Counts, result.Distortion, result.Masses);
    }

    private static bool IsUsed(int centre, ReadOnlySpan<long> counts, ReadOnlySpan<double> masses) =>
        counts[centre] > 0 && (masses.IsEmpty || masses[centre] > 0);

    internal static int IndexOfNonFinite(ReadOnlySpan<float> values)
    {
        if (TensorPrimitives.IsFiniteAll(values))
            return -1;
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
                return i;
        }

        return -1;
    }

    private static DdoqException Bad(string what) => new($"the quantiser's result is not usable: {what}", "Check the latents' scale; this is a defect if they are ordinary.");
}
