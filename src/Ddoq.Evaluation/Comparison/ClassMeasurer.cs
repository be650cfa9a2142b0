using System.Globalization;
using Ddoq.Evaluation.Statistics;
using Ddoq.Evaluation.Transport;
using Ddoq.Latents;

namespace Ddoq.Evaluation.Comparison;

/// <summary>Measures one arm on one class; reads the rows in blocks, so a class never has to fit in memory as floats.</summary>
internal static class ClassMeasurer
{
    private const int BlockRows = 512;

    public static ClassMeasurement Measure(ILatentSource data, ILatentSource? heldOut, int classIndex, PrototypeArm arm)
    {
        ArmPrototypes prototypes = arm.Prototypes(classIndex);
        int dimension = data.Shape.Length;
        int k = PrototypeCount(prototypes, dimension, arm, data.ClassNames[classIndex]);
        int n = data.RowCount(classIndex);
        double[] costs = Costs(data, classIndex, prototypes.Centers.Span, k);
        float[] sampleWeights = SampleWeights(data, classIndex);
        int[] sizes = ClusterSizes(costs, n, k, sampleWeights, out double distortion, out double[] voronoi);

        var rowWeights = new double[n];
        Array.Fill(rowWeights, 1.0 / n);
        for (int i = 0; i < sampleWeights.Length; i++)
            rowWeights[i] = sampleWeights[i];
        var uniform = new double[k];
        Array.Fill(uniform, 1.0 / k);
        double[] own = prototypes.Weights.IsEmpty ? uniform : prototypes.Weights.ToArray();

        TransportSolution withVoronoi = Wasserstein.Solve(costs, rowWeights, voronoi);
        TransportSolution withUniform = Wasserstein.Solve(costs, rowWeights, uniform);
        TransportSolution withOwn = prototypes.Weights.IsEmpty ? withUniform : Wasserstein.Solve(costs, rowWeights, own);
        return new ClassMeasurement
        {
            Arm = arm.Name,
            ClassIndex = classIndex,
            ClassName = data.ClassNames[classIndex],
            RowCount = n,
            PrototypeCount = k,
            Wasserstein = withOwn.Distance,
            WassersteinVoronoi = withVoronoi.Distance,
            WassersteinUniform = withUniform.Distance,
            Distortion = distortion,
            HeldOutDistortion = HeldOutDistortion(heldOut, classIndex, prototypes, k),
            ClusterSizes = sizes,
            EffectiveSampleSize = WeightSummary.From(own).EffectiveSampleSize,
            RelativeDualityGap = Math.Max(RelativeGap(withOwn), Math.Max(RelativeGap(withVoronoi), RelativeGap(withUniform))),
        };
    }

    private static double RelativeGap(TransportSolution solution) =>
        solution.Cost > 0 ? Math.Abs(solution.DualityGap) / solution.Cost : 0;

    private static double? HeldOutDistortion(ILatentSource? heldOut, int classIndex, ArmPrototypes prototypes, int k)
    {
        int rows = heldOut?.RowCount(classIndex) ?? 0;
        if (rows == 0)
            return null;
        _ = ClusterSizes(Costs(heldOut!, classIndex, prototypes.Centers.Span, k), rows, k, SampleWeights(heldOut!, classIndex), out double distortion, out _);
        return distortion;
    }

    private static double[] Costs(ILatentSource data, int classIndex, ReadOnlySpan<float> centers, int k)
    {
        int dimension = data.Shape.Length;
        int n = data.RowCount(classIndex);
        var costs = new double[checked(n * k)];
        int capacity = Math.Min(BlockRows, n);
        var rows = new float[checked(capacity * dimension)];
        for (int first = 0; first < n; first += BlockRows)
        {
            int count = Math.Min(BlockRows, n - first);
            data.ReadRows(classIndex, first, rows.AsSpan(0, count * dimension));
            SquaredDistances.Compute(
                rows.AsSpan(0, count * dimension), centers, dimension, costs.AsSpan(first * k, count * k));
        }

        return costs;
    }

    // Empty when all rows weigh the same.
    private static float[] SampleWeights(ILatentSource data, int classIndex)
    {
        if (!data.HasSampleWeights)
            return [];
        var weights = new float[data.RowCount(classIndex)];
        data.ReadSampleWeights(classIndex, weights);
        return weights;
    }

    private static int[] ClusterSizes(double[] costs, int n, int k, float[] sampleWeights, out double distortion, out double[] shares)
    {
        var sizes = new int[k];
        shares = new double[k];
        double sum = 0, mass = 0;
        for (int i = 0; i < n; i++)
        {
            int nearest = 0;
            for (int j = 1; j < k; j++)
            {
                if (costs[(i * k) + j] < costs[(i * k) + nearest])
                    nearest = j;
            }

            double weight = sampleWeights.Length == 0 ? 1 : sampleWeights[i];
            sizes[nearest]++;
            shares[nearest] += weight;
            sum += weight * costs[(i * k) + nearest];
            mass += weight;
        }

        distortion = sum / mass;
        for (int j = 0; j < k; j++)
            shares[j] /= mass;
        return sizes;
    }

    private static int PrototypeCount(ArmPrototypes prototypes, int dimension, PrototypeArm arm, string className)
    {
        int values = prototypes.Centers.Length;
        if (values == 0 || values % dimension != 0)
        {
            throw new DdoqException(
                string.Create(CultureInfo.InvariantCulture, $"Arm '{arm.Name}', class '{className}': {values} centre values for latents of {dimension} values; a positive whole number of centres is needed."),
                "Prototypes and latents come from different encoders or image sizes; compare prototypes with the latents they were made from.");
        }

        int k = values / dimension;
        if (!prototypes.Weights.IsEmpty && prototypes.Weights.Length != k)
        {
            throw new DdoqException(string.Create(CultureInfo.InvariantCulture,
                $"Arm '{arm.Name}', class '{className}': {k} centres and {prototypes.Weights.Length} weights; one weight per centre, or none, is needed."));
        }

        return k;
    }
}
