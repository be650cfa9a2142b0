using System.Runtime.InteropServices;
using Ddoq.Numerics;

namespace Ddoq.Bench.Quantize;

/// <summary>
/// Latents of a power law: standard deviation of coordinate j falls as j^(-1/2), variance 1 on average, around 20 modes
/// per class that carry a third of the variance. The law under which the project compares algorithms when no real
/// latents are at hand.
/// </summary>
internal static class SyntheticLatents
{
    private const int Modes = 20;
    private const double ModeScale = 0.7;

    /// <summary>Writes float16 [classes, rows, dimension]; the last rows of each class are meant to be held out.</summary>
    public static void Write(string path, int classes, int rows, int dimension, ulong seed)
    {
        double[] scale = [.. Enumerable.Range(0, dimension).Select(j => 1 / Math.Sqrt(j + 1))];
        double variance = scale.Sum(value => value * value) / dimension;
        for (int j = 0; j < dimension; j++)
            scale[j] /= Math.Sqrt(variance);
        using FileStream stream = File.Create(path, 1 << 20);
        NpyFile.WriteHeader(stream, "<f2", classes, rows, dimension);
        var modes = new float[Modes * dimension];
        var noise = new float[dimension];
        var row = new Half[dimension];
        for (int c = 0; c < classes; c++)
        {
            var random = new CounterRandom(seed, CounterRandom.Stream((uint)c, 0));
            random.FillGaussian(modes);
            for (int i = 0; i < rows; i++)
            {
                ReadOnlySpan<float> mode = modes.AsSpan(random.NextInt32(Modes) * dimension, dimension);
                random.FillGaussian(noise);
                for (int j = 0; j < dimension; j++)
                    row[j] = (Half)(scale[j] * ((ModeScale * mode[j]) + noise[j]));
                stream.Write(MemoryMarshal.AsBytes<Half>(row));
            }
        }
    }
}
