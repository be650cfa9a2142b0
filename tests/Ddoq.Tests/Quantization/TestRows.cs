using Ddoq.Numerics;

namespace Ddoq.Tests.Quantization;

/// <summary>Rows for tests.</summary>
internal static class TestRows
{
    /// <summary>Normal rows around a few centres: most of the variance is within the groups, as in latents.</summary>
    public static Half[] Gaussian(int rows, int dimension, ulong seed, int groups = 5, double spread = 0.7, double offset = 0)
    {
        var random = new CounterRandom(seed, CounterRandom.Stream(77, (uint)(rows + (dimension * 1000))));
        var centres = new double[groups * dimension];
        for (int j = 0; j < centres.Length; j++)
            centres[j] = spread * random.NextGaussian();
        var values = new Half[rows * dimension];
        for (int i = 0; i < rows; i++)
        {
            int group = random.NextInt32(groups);
            for (int j = 0; j < dimension; j++)
                values[(i * dimension) + j] = (Half)(offset + centres[(group * dimension) + j] + random.NextGaussian());
        }

        return values;
    }

    /// <summary>The first rows as centres.</summary>
    public static float[] FirstRows(Half[] rows, int dimension, int count) =>
        [.. rows.Take(Math.Min(count * dimension, rows.Length)).Select(value => (float)value)];
}
