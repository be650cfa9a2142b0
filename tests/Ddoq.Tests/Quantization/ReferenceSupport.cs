namespace Ddoq.Tests.Quantization;

/// <summary>Support points in fp64, straight from the definitions: one plain round after the other, no floor, no mixture.</summary>
internal static class ReferenceSupport
{
    /// <summary>E = 2 E|X - Z| - E|X - X'| - E|Z - Z'| of weighted rows and weighted points.</summary>
    public static double Energy(double[] rows, double[] points, int dimension, float[]? weights = null, float[]? pointWeights = null) =>
        (2 * MeanDistance(rows, weights, points, pointWeights, dimension))
        - MeanDistance(rows, weights, rows, weights, dimension) - MeanDistance(points, pointWeights, points, pointWeights, dimension);

    public static double MeanDistance(double[] first, float[]? firstWeights, double[] second, float[]? secondWeights, int dimension)
    {
        double sum = 0, mass = 0;
        for (int i = 0; i < first.Length / dimension; i++)
        {
            for (int j = 0; j < second.Length / dimension; j++)
            {
                double weight = (firstWeights?[i] ?? 1.0) * (secondWeights?[j] ?? 1.0);
                sum += weight * Distance(first, i, second, j, dimension);
                mass += weight;
            }
        }

        return sum / mass;
    }

    /// <summary>x_k &lt;- [sum_m w_m y_m / |x_k - y_m| + W/K sum_l (x_k - x_l) / |x_k - x_l|] / sum_m w_m / |x_k - y_m|.</summary>
    public static double[] Round(double[] rows, double[] points, int dimension, float[]? weights = null)
    {
        int count = rows.Length / dimension, k = points.Length / dimension;
        double mass = weights?.Sum(weight => (double)weight) ?? count;
        var next = new double[points.Length];
        for (int p = 0; p < k; p++)
        {
            Span<double> point = next.AsSpan(p * dimension, dimension);
            double pulls = 0;
            for (int i = 0; i < count; i++)
            {
                double pull = (weights?[i] ?? 1.0) / Distance(points, p, rows, i, dimension);
                pulls += pull;
                for (int j = 0; j < dimension; j++)
                    point[j] += pull * rows[(i * dimension) + j];
            }

            for (int l = 0; l < k; l++)
            {
                if (l == p)
                    continue;
                double push = mass / k / Distance(points, p, points, l, dimension);
                for (int j = 0; j < dimension; j++)
                    point[j] += push * (points[(p * dimension) + j] - points[(l * dimension) + j]);
            }

            for (int j = 0; j < dimension; j++)
                point[j] /= pulls;
        }

        return next;
    }

    private static double Distance(double[] first, int i, double[] second, int j, int dimension)
    {
        double sum = 0;
        for (int c = 0; c < dimension; c++)
        {
            double difference = first[(i * dimension) + c] - second[(j * dimension) + c];
            sum += difference * difference;
        }

        return Math.Sqrt(sum);
    }
}
