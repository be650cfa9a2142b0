using Ddoq.Latents;
using Ddoq.Numerics;

namespace Ddoq.Bench.Consistency;

/// <summary>Points uniform on the unit cube of d dimensions, placed in D dimensions by d random orthonormal directions.</summary>
internal sealed class UniformCube
{
    /// <summary>D: the ambient dimension.</summary>
    public const int AmbientDimension = 64;

    private readonly double[][] _directions;

    public UniformCube(int dimension, ulong seed)
    {
        Dimension = dimension;
        var random = new CounterRandom(seed, 0);
        var values = new float[AmbientDimension];
        _directions = new double[dimension][];
        for (int a = 0; a < dimension; a++)
        {
            random.FillGaussian(values);
            double[] direction = [.. values.Select(value => (double)value)];
            for (int b = 0; b < a; b++)
            {
                double product = direction.Zip(_directions[b], (x, y) => x * y).Sum();
                for (int j = 0; j < AmbientDimension; j++)
                    direction[j] -= product * _directions[b][j];
            }

            double norm = Math.Sqrt(direction.Sum(x => x * x));
            _directions[a] = [.. direction.Select(x => x / norm)];
        }
    }

    /// <summary>d: the intrinsic dimension.</summary>
    public int Dimension { get; }

    /// <summary>Draws points; those of different streams are independent.</summary>
    /// <returns>count x D values.</returns>
    public float[] Draw(int count, ulong seed, ulong stream)
    {
        var random = new CounterRandom(seed, stream);
        var rows = new float[count * AmbientDimension];
        for (int i = 0; i < count; i++)
        {
            for (int a = 0; a < Dimension; a++)
            {
                // Scaled up: fp16 has the same relative steps everywhere, and the points must not be near its smallest values.
                double coordinate = Scale * (random.NextDouble() - 0.5);
                for (int j = 0; j < AmbientDimension; j++)
                    rows[(i * AmbientDimension) + j] += (float)(coordinate * _directions[a][j]);
            }
        }

        return rows;
    }

    /// <summary>Edge of the cube.</summary>
    public const double Scale = 8;

    /// <summary>As a source of one class.</summary>
    public static InMemoryLatents Source(float[] rows) =>
        new(new(1, 1, AmbientDimension), ["cube"], [Array.ConvertAll(rows, value => (Half)value)]);
}
