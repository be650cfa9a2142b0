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
        int[] sizes = ClusterSizes(costs, n, k, out double distortion);

        var uniformRows = new double[n];
        Array.Fill(uniformRows, 1.0 / n);
        var uniform = new double[k];
        Array.Fill(uniform, 1.0 / k);
        double[] voronoi = [.. sizes.Select(size => (double)size / n)];
        double[] own = prototypes.Weights.IsEmpty ? uniform : prototypes.Weights.ToArray();

        TransportSolution withVoronoi = Wasserstein.Solve(costs, uniformRows, voronoi);
        TransportSolution withUniform = Wasserstein.Solve(costs, uniformRows, uniform);
        TransportSolution withOwn = prototypes.Weights.IsEmpty ? withUniform : Wasserstein.Solve(costs, uniformRows, own);
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
        _ = ClusterSizes(Costs(heldOut!, classIndex, prototypes.Centers.Span, k), rows, k, out double distortion);
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

    private static int[] ClusterSizes(double[] costs, int n, int k, out double distortion)
    {
        var sizes = new int[k];
        double sum = 0;
        for (int i = 0; i < n; i++)
        {
            int nearest = 0;
            for (int j = 1; j < k; j++)
            {
                if (costs[(i * k) + j] < costs[(i * k) + nearest])
                    nearest = j;
            }

            sizes[nearest]++;
            sum += costs[(i * k) + nearest];
        }

        distortion = sum / n;
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
