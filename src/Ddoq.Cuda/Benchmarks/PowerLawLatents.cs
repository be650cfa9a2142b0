using Ddoq.Latents;
using Ddoq.Numerics;

namespace Ddoq.Cuda.Benchmarks;

/// <summary>
/// Latents in memory: standard deviation of coordinate j falls as j^(-1/2), variance 1 on average without the modes, 20
/// modes per class that carry a third of the variance. peers.py draws from the same law.
/// </summary>
internal static class PowerLawLatents
{
    private const int Modes = 20;
    private const double ModeScale = 0.7;

    /// <summary>All classes, drawn on every processor; the numbers depend on the sizes alone.</summary>
    public static InMemoryLatents Create(int classes, int rows, int dimension)
    {
        Half[][] values = Draw(classes, rows, dimension);
        return new InMemoryLatents(new LatentShape(1, 1, dimension), [.. Enumerable.Range(0, classes).Select(c => $"class{c}")], values);
    }

    /// <summary>The same as bare arrays, (N, D) row-major for each class.</summary>
    public static Half[][] Draw(int classes, int rows, int dimension)
    {
        float[] scale = Scale(dimension);
        var values = new Half[classes][];
        Parallel.For(0, classes, c => values[c] = Class(c, rows, scale));
        return values;
    }

    private static float[] Scale(int dimension)
    {
        double sum = 0;
        for (int j = 0; j < dimension; j++)
            sum += 1.0 / (j + 1);
        return [.. Enumerable.Range(0, dimension).Select(j => (float)Math.Sqrt(dimension / sum / (j + 1)))];
    }

    private static Half[] Class(int index, int rows, float[] scale)
    {
        var random = new CounterRandom(1, CounterRandom.Stream((uint)index, 0));
        var modes = new float[Modes * scale.Length];
        var noise = new float[scale.Length];
        random.FillGaussian(modes);
        var values = new Half[checked(rows * scale.Length)];
        for (int i = 0; i < rows; i++)
        {
            ReadOnlySpan<float> mode = modes.AsSpan(random.NextInt32(Modes) * scale.Length, scale.Length);
            random.FillGaussian(noise);
            for (int j = 0; j < scale.Length; j++)
                values[(i * scale.Length) + j] = (Half)(scale[j] * ((ModeScale * mode[j]) + noise[j]));
        }

        return values;
    }
}
