using Ddoq.Numerics;

namespace Ddoq.Evaluation.Tests.Transport;

/// <summary>How the weights of a case are drawn.</summary>
public enum WeightKind
{
    Uniform,
    Random,
    SomeZero,
    Counts,
}

/// <summary>How the points of a case are drawn.</summary>
public enum PointKind
{
    /// <summary>Uniform in the unit cube.</summary>
    Cube,

    /// <summary>Whole coordinates in {0, 1, 2}: many equal distances and repeated points.</summary>
    Lattice,
}

/// <summary>A transport problem made from a seed, from exactly rounded operations only, so every machine makes the same.</summary>
public sealed record TransportCase(ulong Seed, int N, int K, int D, PointKind Points, WeightKind XWeights, WeightKind YWeights)
{
    public float[] X() => MakePoints(N, 1);

    public float[] Y() => MakePoints(K, 2);

    public double[] A() => MakeWeights(N, XWeights, 3);

    public double[] B() => MakeWeights(K, YWeights, 4);

    private float[] MakePoints(int rows, ulong stream)
    {
        var random = new CounterRandom(Seed, stream);
        var points = new float[rows * D];
        for (int i = 0; i < points.Length; i++)
            points[i] = Points == PointKind.Lattice ? random.NextInt32(3) : (float)random.NextDouble();
        return points;
    }

    private double[] MakeWeights(int count, WeightKind kind, ulong stream)
    {
        var random = new CounterRandom(Seed, stream);
        var weights = new double[count];
        for (int i = 0; i < count; i++)
        {
            weights[i] = kind switch
            {
                WeightKind.Uniform => 1.0,
                WeightKind.Random => 0.01 + random.NextDouble(),
                WeightKind.SomeZero => random.NextInt32(3) == 0 ? 0 : 0.01 + random.NextDouble(),
                _ => 1 + random.NextInt32(40),
            };
        }

        weights[0] = Math.Max(weights[0], 0.5);
        double sum = weights.Sum();
        for (int i = 0; i < count; i++)
            weights[i] /= sum;
        return weights;
    }

    public override string ToString() => $"seed {Seed}: {N} x {K} in {D} dimensions, {Points}, {XWeights}/{YWeights}";
}
