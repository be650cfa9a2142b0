using System.Runtime.InteropServices;
using Ddoq.Evaluation.Transport;
using Ddoq.Quantization;
using Ddoq.Selection;

namespace Ddoq.CApi.Exports;

/// <summary>How far points are from rows: assignment with masses, exact Wasserstein-2 distance, energy distance.</summary>
internal static unsafe class DistanceExports
{
    [UnmanagedCallersOnly(EntryPoint = "ddoq_point_masses")]
    public static Status Assign(
        float* points, int pointCount, int dimension, void* rows, int type, long rowCount, float* sampleWeights, int* labels, long* counts, double* masses, double* distortion) => Guard.Run(() =>
    {
        NativeLatents source = Source(rows, type, rowCount, dimension, sampleWeights);
        PointMasses found = PointMasses.Measure(source, 0, PointChecks.Span(points, pointCount, dimension, "point"));
        if (labels != null)
            found.Labels.CopyTo(new Span<int>(labels, found.Labels.Length));
        if (counts != null)
            found.Counts.CopyTo(new Span<long>(counts, pointCount));
        double total = found.Masses?.Sum() ?? rowCount;
        for (int k = 0; masses != null && k < pointCount; k++)
            masses[k] = (found.Masses?[k] ?? found.Counts[k]) / total;
        if (distortion != null)
            *distortion = found.Distortion;
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_energy_distance")]
    public static Status Energy(
        void* rows, int type, long rowCount, int dimension, float* sampleWeights, float* points, int pointCount, float* pointWeights, ulong seed, double* distance) => Guard.Run(() =>
    {
        Guard.Require(distance, "distance");
        NativeLatents source = Source(rows, type, rowCount, dimension, sampleWeights);
        ReadOnlySpan<float> values = PointChecks.Span(points, pointCount, dimension, "point");
        *distance = EnergyTerms.Measure(source, 0, values, pointWeights == null ? default : new ReadOnlySpan<float>(pointWeights, pointCount), seed).Distance;
    });

    [UnmanagedCallersOnly(EntryPoint = "ddoq_wasserstein2")]
    public static Status Wasserstein2(
        float* x, int xCount, double* xWeights, float* y, int yCount, double* yWeights, int dimension, double* squaredDistance, double* plan) => Guard.Run(() =>
    {
        Guard.Require(squaredDistance, "squared_distance");
        ReadOnlySpan<float> first = PointChecks.Span(x, xCount, dimension, "x"), second = PointChecks.Span(y, yCount, dimension, "y");
        TransportSolution found = Wasserstein.SquaredDistance(
            first,
            xWeights == null ? default : new ReadOnlySpan<double>(xWeights, xCount),
            second,
            yWeights == null ? default : new ReadOnlySpan<double>(yWeights, yCount),
            dimension);
        if (plan != null)
        {
            new Span<double>(plan, xCount * yCount).Clear();
            foreach (TransportEntry entry in found.Plan)
                plan[((nint)entry.Source * yCount) + entry.Target] = entry.Mass;
        }

        *squaredDistance = found.Cost;
    });

    private static NativeLatents Source(void* rows, int type, long rowCount, int dimension, float* sampleWeights)
    {
        Guard.InRange(rowCount, 1, Array.MaxLength, "row_count");
        return new NativeLatents([(nint)rows], [rowCount], type, dimension, 0, sampleWeights);
    }
}

/// <summary>A caller's points: K x D floats.</summary>
internal static unsafe class PointChecks
{
    /// <summary>The points, after a look at their number and their address.</summary>
    /// <exception cref="UsageException">A number is out of range, or the pointer is null.</exception>
    public static ReadOnlySpan<float> Span(float* points, int count, int dimension, string name)
    {
        Guard.InRange(dimension, 1, int.MaxValue, "dimension");
        Guard.InRange(count, 1, int.MaxValue / dimension, $"{name}_count");
        Guard.Require(points, name == "point" ? "points" : name);
        return new ReadOnlySpan<float>(points, count * dimension);
    }

    /// <summary>Refuses values that are not finite or too large to be squared.</summary>
    /// <exception cref="DdoqException">The point and its value.</exception>
    public static void Finite(ReadOnlySpan<float> points, int dimension, string name)
    {
        int bad = points.IndexOfAnyExceptInRange(-Latents.FiniteScan.Largest, Latents.FiniteScan.Largest);
        if (bad >= 0)
            throw new DdoqException($"{name} {bad / dimension}: value {bad % dimension} is {points[bad]}; values must be finite, and at most 1e14 in size.");
    }
}
