using Ddoq.Latents;

namespace Ddoq.Cuda.Quantization;

/// <summary>Squared distances of single rows of a class to its centres, in fp64 on the processor.</summary>
internal sealed class ExactDistances(ILatentSource source, BatchClass one, float[] centroids)
{
    private byte[] _copy = [];

    /// <summary>The nearer of two centres, the lower index among equals; of all centres when one of the two does not exist.</summary>
    /// <param name="row">The row of the class.</param>
    /// <param name="first">A centre.</param>
    /// <param name="second">Another.</param>
    /// <param name="distance">Squared distance to the nearer one.</param>
    public int Nearer(int row, int first, int second, out double distance)
    {
        ReadOnlySpan<byte> values = Read(row);
        bool known = (uint)first < (uint)one.Centroids && (uint)second < (uint)one.Centroids;
        if (known)
        {
            (int low, int high) = first < second ? (first, second) : (second, first);
            double toLow = Squared(values, low), toHigh = Squared(values, high);
            distance = Math.Min(toLow, toHigh);
            return toHigh < toLow ? high : low;
        }

        int nearest = 0;
        distance = double.PositiveInfinity;
        for (int k = 0; k < one.Centroids; k++)
        {
            double own = Squared(values, k);
            if (own < distance)
                (nearest, distance) = (k, own);
        }

        return nearest;
    }

    private ReadOnlySpan<byte> Read(int row)
    {
        int bytes = one.Dimension * one.Format.Bytes;
        if (source.TryGetRowBytes(one.ClassIndex, out ReadOnlySpan<byte> rows))
            return rows.Slice(checked(row * bytes), bytes);
        if (_copy.Length == 0)
            _copy = new byte[bytes];
        source.ReadRowBytes(one.ClassIndex, row, _copy);
        return _copy;
    }

    private double Squared(ReadOnlySpan<byte> row, int centroid)
    {
        ReadOnlySpan<float> centre = centroids.AsSpan(centroid * one.Dimension, one.Dimension);
        double sum = 0;
        for (int j = 0; j < centre.Length; j++)
        {
            double difference = (double)one.Format.Value(row, j) - centre[j];
            sum += difference * difference;
        }

        return sum;
    }
}
