using Ddoq.Tests.Quantization;

namespace Ddoq.Tests.Selection;

/// <summary>Objectives of a selection in fp64 from their definitions, and the best choice by trying all.</summary>
internal static class ReferenceSelection
{
    /// <summary>2 E|X - Z| - E|Z - Z'|.</summary>
    public static double Energy(double[] rows, double[] candidates, int[] chosen, int dimension, float[]? weights = null)
    {
        double[] points = Points(candidates, chosen, dimension);
        return (2 * ReferenceSupport.MeanDistance(rows, weights, points, null, dimension)) - ReferenceSupport.MeanDistance(points, null, points, null, dimension);
    }

    /// <summary>Mean squared distance to the nearest chosen candidate.</summary>
    public static double MeanSquare(double[] rows, double[] candidates, int[] chosen, int dimension, float[]? weights = null)
    {
        double sum = 0, mass = 0;
        for (int i = 0; i < rows.Length / dimension; i++)
        {
            double weight = weights?[i] ?? 1;
            sum += weight * chosen.Min(c => SquaredDistance(rows, i, candidates, c, dimension));
            mass += weight;
        }

        return sum / mass;
    }

    public static double SquaredDistance(double[] first, int i, double[] second, int j, int dimension)
    {
        double sum = 0;
        for (int c = 0; c < dimension; c++)
            sum += Math.Pow(first[(i * dimension) + c] - second[(j * dimension) + c], 2);
        return sum;
    }

    public static double[] Points(double[] candidates, int[] chosen, int dimension) =>
        [.. chosen.SelectMany(c => candidates.AsSpan(c * dimension, dimension).ToArray())];

    /// <summary>All choices of k of n, rising.</summary>
    public static IEnumerable<int[]> Choices(int n, int k, int first = 0)
    {
        if (k == 0)
            return [[]];
        return Enumerable.Range(first, Math.Max(0, n - first - k + 1)).SelectMany(c => Choices(n, k - 1, c + 1).Select(rest => (int[])[c, .. rest]));
    }
}
