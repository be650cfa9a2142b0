using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Quantization;

namespace Ddoq.Selection;

/// <summary>What given points stand for among the rows of a class: the rows nearest to each, their masses and their distances.</summary>
/// <param name="Counts">Rows nearest to each point (K), over all N rows; ties go to the lower point.</param>
/// <param name="Masses">Sum of the sample weights of those rows (K); null when the rows have no weights.</param>
/// <param name="Labels">Nearest point of each row (N).</param>
/// <param name="Distortion">
/// Mean squared distance of the rows, by their weights, to their nearest point: the squared 2-Wasserstein distance to the
/// points under these masses.
/// </param>
public sealed record PointMasses(long[] Counts, double[]? Masses, int[] Labels, double Distortion)
{
    /// <summary>Assigns the rows of a class to points: the weights of images after they were made, wherever they came from.</summary>
    /// <param name="source">The rows.</param>
    /// <param name="classIndex">The class, 0-based.</param>
    /// <param name="points">K x D values, row-major, finite.</param>
    /// <param name="cancellation">Stops while rows are read.</param>
    /// <exception cref="UsageException">The shapes do not fit, or the class does not exist or has no rows.</exception>
    /// <exception cref="DdoqException">A row, weight or point is not usable.</exception>
    /// <remarks>Runs on the calling thread, deterministic; N K D multiply-adds.</remarks>
    public static unsafe PointMasses Measure(ILatentSource source, int classIndex, ReadOnlySpan<float> points, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        int dimension = source.Shape.Length;
        LoadedRows.CheckClass(source, classIndex);
        CheckPoints(points, dimension);
        if (source.TryGetRowBytes(classIndex, out ReadOnlySpan<byte> inPlace))
        {
            fixed (byte* rows = inPlace)
                return Measure(source, classIndex, points, rows);
        }

        using var copy = new NativeBuffer<byte>();
        return Measure(source, classIndex, points, LoadedRows.Copy(source, classIndex, copy, cancellation));
    }

    /// <summary>Refuses points that are not whole or not finite.</summary>
    internal static void CheckPoints(ReadOnlySpan<float> points, int dimension)
    {
        if (points.IsEmpty || points.Length % dimension != 0)
            throw new UsageException($"{points.Length} values are not points of {dimension}: a positive multiple of the dimension is needed.");
        if (points.IndexOfAnyExceptInRange(-FiniteScan.Largest, FiniteScan.Largest) is int bad and >= 0)
            throw new DdoqException($"Point {bad / dimension}: value {bad % dimension} is {points[bad]}; points must be finite, and at most 1e14 in size.");
    }

    private static unsafe PointMasses Measure(ILatentSource source, int classIndex, ReadOnlySpan<float> points, byte* rows)
    {
        int count = source.RowCount(classIndex), dimension = source.Shape.Length, k = points.Length / dimension;
        var labels = new int[count];
        var distances = new double[count];
        NearestCentroids.Assign(points, dimension, rows, source.ElementType, labels, distances);
        float[]? weights = source.HasSampleWeights ? new float[count] : null;
        if (weights is not null)
            source.ReadSampleWeights(classIndex, weights);
        var counts = new long[k];
        double[]? masses = weights is null ? null : new double[k];
        double sum = 0, mass = 0;
        for (int i = 0; i < count; i++)
        {
            double weight = weights?[i] ?? 1;
            counts[labels[i]]++;
            if (masses is not null)
                masses[labels[i]] += weight;
            sum += weight * distances[i];
            mass += weight;
        }

        return new PointMasses(counts, masses, labels, sum / mass);
    }
}
