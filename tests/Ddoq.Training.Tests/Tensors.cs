using System.Runtime.InteropServices;
using Ddoq.Numerics;
using static TorchSharp.torch;

namespace Ddoq.Training.Tests;

/// <summary>Tensors to and from arrays.</summary>
internal static class Tensors
{
    public static float[] Values(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.contiguous().bytes).ToArray();

    public static double[] Doubles(Tensor tensor) => MemoryMarshal.Cast<byte, double>(tensor.contiguous().bytes).ToArray();

    public static Tensor Gaussian(ulong stream, params long[] shape)
    {
        float[] values = new float[shape.Aggregate(1L, (product, extent) => product * extent)];
        new CounterRandom(99, stream).FillGaussian(values);
        return tensor(values, shape);
    }

    /// <summary>Values in [0, 1).</summary>
    public static Tensor Uniform(ulong stream, params long[] shape)
    {
        var random = new CounterRandom(98, stream);
        float[] values = new float[shape.Aggregate(1L, (product, extent) => product * extent)];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)random.NextDouble();
        return tensor(values, shape);
    }
}
