using Ddoq.Evaluation.Transport;
using Ddoq.Latents;

namespace Ddoq.Evaluation.Comparison;

/// <summary>The rows of a class that energy distances are taken to, with their mean distance to each other.</summary>
/// <remarks>
/// All rows up to <see cref="MaximumRows"/>; of more, so many at even steps, the same for every arm: the distances of rows to each
/// other grow with the square of their number, and a sample of this size moves the energy distance of a set by less than sets
/// of different seeds differ.
/// </remarks>
internal sealed class EnergyReference
{
    public const int MaximumRows = 2048;

    private const int BlockRows = 256;

    private readonly int[] _rows;
    private readonly double[] _weights;
    private readonly int _dimension;
    private readonly double _ownDistance;

    /// <summary>Chooses the rows and measures them.</summary>
    /// <param name="data">The rows.</param>
    /// <param name="classIndex">The class.</param>
    /// <param name="rowWeights">N weights of any positive sum.</param>
    public EnergyReference(ILatentSource data, int classIndex, double[] rowWeights)
    {
        int count = Math.Min(rowWeights.Length, MaximumRows);
        _rows = [.. Enumerable.Range(0, count).Select(i => (int)((long)i * rowWeights.Length / count))];
        _dimension = data.Shape.Length;
        _weights = Normalise([.. _rows.Select(row => rowWeights[row])]);
        var values = new float[checked(count * _dimension)];
        for (int i = 0; i < count; i++)
            data.ReadRows(classIndex, _rows[i], values.AsSpan(i * _dimension, _dimension));
        _ownDistance = MeanDistance(values, _weights, _dimension);
    }

    /// <summary>2 E|X - Z| - E|X - X'| - E|Z - Z'|; not below 0.</summary>
    /// <param name="points">K x D.</param>
    /// <param name="pointWeights">K weights of any positive sum.</param>
    /// <param name="squaredDistances">N x K squared distances of all rows of the class to the points.</param>
    public double DistanceTo(ReadOnlySpan<float> points, double[] pointWeights, double[] squaredDistances)
    {
        double[] weights = Normalise(pointWeights);
        double across = 0;
        for (int i = 0; i < _rows.Length; i++)
        {
            double sum = 0;
            for (int j = 0; j < weights.Length; j++)
                sum += weights[j] * Math.Sqrt(squaredDistances[(_rows[i] * weights.Length) + j]);
            across += _weights[i] * sum;
        }

        return Math.Max(0, (2 * across) - _ownDistance - MeanDistance(points, weights, _dimension));
    }

    private static double MeanDistance(ReadOnlySpan<float> points, double[] weights, int dimension)
    {
        int count = weights.Length;
        double mean = 0;
        var squares = new double[Math.Min(BlockRows, count) * count];
        for (int first = 0; first < count; first += BlockRows)
        {
            // A pair counts twice, so only the points from the block's first on are needed.
            int rows = Math.Min(BlockRows, count - first), columns = count - first;
            Span<double> block = squares.AsSpan(0, rows * columns);
            PairwiseDistances.Squared(points.Slice(first * dimension, rows * dimension), points[(first * dimension)..], dimension, block);
            for (int i = 0; i < rows; i++)
            {
                double sum = 0;
                for (int j = i + 1; j < columns; j++)
                    sum += weights[first + j] * Math.Sqrt(block[(i * columns) + j]);
                mean += 2 * weights[first + i] * sum;
            }
        }

        return mean;
    }

    private static double[] Normalise(double[] weights)
    {
        double mass = weights.Sum();
        return [.. weights.Select(weight => weight / mass)];
    }
}
