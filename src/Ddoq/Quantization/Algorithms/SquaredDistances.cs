namespace Ddoq.Quantization.Algorithms;

/// <summary>Sums of squared distances.</summary>
internal static class SquaredDistances
{
    /// <summary>Their sum in fp64, each times the weight of its row.</summary>
    /// <param name="distances">N squared distances.</param>
    /// <param name="weights">N weights; empty when all weigh the same.</param>
    public static double Sum(ReadOnlySpan<float> distances, ReadOnlySpan<float> weights)
    {
        double sum = 0;
        if (weights.IsEmpty)
        {
            foreach (float distance in distances)
                sum += distance;
            return sum;
        }

        for (int i = 0; i < distances.Length; i++)
            sum += (double)weights[i] * distances[i];
        return sum;
    }
}
