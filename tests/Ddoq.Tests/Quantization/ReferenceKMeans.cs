namespace Ddoq.Tests.Quantization;

/// <summary>Plain fp64 k-means, written for clarity: the oracle.</summary>
internal static class ReferenceKMeans
{
    /// <summary>Halves as doubles.</summary>
    public static double[] ToDouble(Half[] rows) => Array.ConvertAll(rows, value => (double)value);

    public static double SquaredDistance(ReadOnlySpan<double> rows, int row, float[] centroids, int centroid, int dimension)
    {
        double sum = 0;
        for (int j = 0; j < dimension; j++)
        {
            double difference = rows[(row * dimension) + j] - centroids[(centroid * dimension) + j];
            sum += difference * difference;
        }

        return sum;
    }

    /// <summary>Mean squared distance to the nearest centre.</summary>
    public static double Distortion(ReadOnlySpan<double> rows, float[] centroids, int dimension)
    {
        double sum = 0;
        int count = rows.Length / dimension;
        for (int i = 0; i < count; i++)
            sum += Nearest(rows, i, centroids, dimension).Distance;
        return sum / count;
    }

    public static (int Label, double Distance) Nearest(ReadOnlySpan<double> rows, int row, float[] centroids, int dimension)
    {
        int label = -1;
        double best = double.PositiveInfinity;
        for (int k = 0; k < centroids.Length / dimension; k++)
        {
            double distance = SquaredDistance(rows, row, centroids, k, dimension);
            if (distance < best)
            {
                best = distance;
                label = k;
            }
        }

        return (label, best);
    }

    /// <summary>Lloyd until no label changes, from given centres; every cell must keep a row.</summary>
    public static (int[] Labels, double Distortion, int Iterations) Lloyd(ReadOnlySpan<double> rows, float[] start, int dimension, int maxIterations = 300)
    {
        int count = rows.Length / dimension, centroids = start.Length / dimension;
        double[] centres = [.. start.Select(value => (double)value)];
        int[] labels = new int[count];
        Array.Fill(labels, -1);
        double distortion = 0;
        int iteration = 0;
        for (; iteration < maxIterations; iteration++)
        {
            bool changed = false;
            distortion = 0;
            for (int i = 0; i < count; i++)
            {
                int label = -1;
                double best = double.PositiveInfinity;
                for (int k = 0; k < centroids; k++)
                {
                    double distance = 0;
                    for (int j = 0; j < dimension; j++)
                    {
                        double difference = rows[(i * dimension) + j] - centres[(k * dimension) + j];
                        distance += difference * difference;
                    }

                    if (distance < best)
                    {
                        best = distance;
                        label = k;
                    }
                }

                changed |= label != labels[i];
                labels[i] = label;
                distortion += best / count;
            }

            if (!changed)
                break;
            Array.Clear(centres);
            double[] sizes = new double[centroids];
            for (int i = 0; i < count; i++)
            {
                sizes[labels[i]]++;
                for (int j = 0; j < dimension; j++)
                    centres[(labels[i] * dimension) + j] += rows[(i * dimension) + j];
            }

            for (int k = 0; k < centroids; k++)
            {
                if (sizes[k] == 0)
                    throw new InvalidOperationException("The oracle has no rule for empty cells: choose another start.");
                for (int j = 0; j < dimension; j++)
                    centres[(k * dimension) + j] /= sizes[k];
            }
        }

        return (labels, distortion, iteration);
    }
}
