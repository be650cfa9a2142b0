using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Evaluation.Transport;
using Ddoq.Latents;
using Ddoq.Quantization;

namespace Ddoq.Evaluation.Comparison;

/// <summary>The figures of one arm on one class.</summary>
public sealed record ClassMeasurement
{
    /// <summary>The arm's name.</summary>
    public required string Arm { get; init; }

    /// <summary>The class, 0-based.</summary>
    public required int ClassIndex { get; init; }

    /// <summary>The class's name.</summary>
    public required string ClassName { get; init; }

    /// <summary>Rows of the class (N).</summary>
    public required int RowCount { get; init; }

    /// <summary>Points of the arm in the class (K).</summary>
    public required int PrototypeCount { get; init; }

    /// <summary>W2 with the arm's own weights.</summary>
    public required double Wasserstein { get; init; }

    /// <summary>W2 with the Voronoi masses.</summary>
    public required double WassersteinVoronoi { get; init; }

    /// <summary>W2 with weights 1/K.</summary>
    public required double WassersteinUniform { get; init; }

    /// <summary>Mean over rows of the squared distance to the nearest point.</summary>
    public required double Distortion { get; init; }

    /// <summary>The distortion on held-out rows; null when there are none.</summary>
    public double? HeldOutDistortion { get; init; }

    /// <summary>Share of the rows' variance that the nearest points explain: 1 - distortion / variance; null for a measurement from elsewhere that lacks it, and for rows without variance.</summary>
    public double? VarianceExplained { get; init; }

    /// <summary>Energy distance with the arm's own weights; null for a measurement from elsewhere that lacks it.</summary>
    public double? EnergyDistance { get; init; }

    /// <summary>Variance of the arm's weighted points over that of the rows; null likewise, and for rows without variance.</summary>
    public double? VarianceKept { get; init; }

    /// <summary>Rows nearest to each point (ties to the lower index): K counts that sum to N.</summary>
    public required IReadOnlyList<int> ClusterSizes { get; init; }

    /// <summary>(sum w)^2 / sum w^2 of the arm's own weights: K for equal weights, 1 when one point has it all.</summary>
    public required double EffectiveSampleSize { get; init; }

    /// <summary>The largest certified error of the three squared distances, relative to each.</summary>
    public required double RelativeDualityGap { get; init; }

    /// <summary>One figure by its name; null for a figure that was not measured.</summary>
    public double? Value(PrototypeMetric metric) => metric switch
    {
        PrototypeMetric.Wasserstein => Wasserstein,
        PrototypeMetric.WassersteinVoronoi => WassersteinVoronoi,
        PrototypeMetric.WassersteinUniform => WassersteinUniform,
        PrototypeMetric.Distortion => Distortion,
        PrototypeMetric.HeldOutDistortion => HeldOutDistortion,
        PrototypeMetric.VarianceExplained => VarianceExplained,
        PrototypeMetric.Energy => EnergyDistance,
        PrototypeMetric.VarianceKept => VarianceKept,
        _ => throw new ArgumentOutOfRangeException(nameof(metric), metric, "Not a prototype metric."),
    };
}

/// <summary>What is measured between the rows of a class and an arm's points. Smaller is better, but for the variance explained and kept.</summary>
public enum PrototypeMetric
{
    /// <summary>W2 with the arm's own weights (1/K each for an arm without weights): the paper's Table 1.</summary>
    Wasserstein,

    /// <summary>W2 with the Voronoi masses, the best weights for the given points (Prop. 1).</summary>
    WassersteinVoronoi,

    /// <summary>W2 with weights 1/K.</summary>
    WassersteinUniform,

    /// <summary>Quadratic distortion: mean over rows of the squared distance to the nearest point.</summary>
    Distortion,

    /// <summary>Quadratic distortion on rows that the points were not fitted to.</summary>
    HeldOutDistortion,

    /// <summary>Share of the data's variance that the nearest points explain: 1 - distortion / variance.</summary>
    VarianceExplained,

    /// <summary>
    /// Energy distance 2 E|X - Z| - E|X - X'| - E|Z - Z'| with the arm's own weights. Unlike W2 it does not favour points that
    /// huddle around the mean. Source: Székely, Rizzo, "Energy statistics" (2013).
    /// </summary>
    Energy,

    /// <summary>
    /// Variance of the weighted points over the data's, summed over all dimensions: 1 when nothing is lost. Conditional means
    /// keep 1 - distortion / variance.
    /// </summary>
    VarianceKept,
}

/// <summary>Measures arms on one class; reads the rows in blocks, so a class never has to fit in memory as floats.</summary>
/// <remarks>What depends on the rows alone (their weights, their variance, their distances to each other) is computed once for all arms.</remarks>
internal sealed class ClassMeasurer
{
    private const int BlockRows = 512;

    private readonly ILatentSource _data;
    private readonly ILatentSource? _heldOut;
    private readonly int _classIndex;
    private readonly CancellationToken _cancellation;
    private readonly int _rowCount;
    private readonly double[] _rowWeights;
    private readonly double _variance;
    private double? _rowDistance;

    public ClassMeasurer(ILatentSource data, ILatentSource? heldOut, int classIndex, CancellationToken cancellation)
    {
        _data = data;
        _heldOut = heldOut;
        _classIndex = classIndex;
        _cancellation = cancellation;
        _rowCount = data.RowCount(classIndex);
        _rowWeights = RowWeights(data, classIndex);
        _variance = LatentVariance.OfClass(data, classIndex);
    }

    public ClassMeasurement Measure(PrototypeArm arm)
    {
        ArmPrototypes prototypes = arm.Prototypes(_classIndex);
        int dimension = _data.Shape.Length;
        ReadOnlySpan<float> centers = prototypes.Centers.Span;
        int k = PrototypeCount(prototypes, dimension, arm, _data.ClassNames[_classIndex]);
        double[] costs = Costs(_data, _classIndex, centers, k);
        int[] sizes = ClusterSizes(costs, _rowWeights, k, out double distortion, out double[] voronoi);
        var uniform = new double[k];
        Array.Fill(uniform, 1.0 / k);
        double[] own = prototypes.Weights.IsEmpty ? uniform : prototypes.Weights.ToArray();

        TransportSolution withVoronoi = Wasserstein.Solve(costs, _rowWeights, voronoi, _cancellation);
        TransportSolution withUniform = Wasserstein.Solve(costs, _rowWeights, uniform, _cancellation);
        TransportSolution withOwn = prototypes.Weights.IsEmpty ? withUniform : Wasserstein.Solve(costs, _rowWeights, own, _cancellation);
        return new ClassMeasurement
        {
            Arm = arm.Name,
            ClassIndex = _classIndex,
            ClassName = _data.ClassNames[_classIndex],
            RowCount = _rowCount,
            PrototypeCount = k,
            Wasserstein = withOwn.Distance,
            WassersteinVoronoi = withVoronoi.Distance,
            WassersteinUniform = withUniform.Distance,
            Distortion = distortion,
            HeldOutDistortion = HeldOutDistortion(centers, k),
            EnergyDistance = EnergyDistance(centers, own, costs),
            VarianceExplained = _variance > 0 ? 1 - (distortion / _variance) : null,
            VarianceKept = _variance > 0 ? LatentVariance.OfPoints(centers, own, dimension) / _variance : null,
            ClusterSizes = sizes,
            EffectiveSampleSize = WeightStatistics.Of(own).EffectiveSampleSize,
            RelativeDualityGap = Math.Max(RelativeGap(withOwn), Math.Max(RelativeGap(withVoronoi), RelativeGap(withUniform))),
        };
    }

    private static double RelativeGap(TransportSolution solution) =>
        solution.Cost > 0 ? Math.Abs(solution.DualityGap) / solution.Cost : 0;

    private double? HeldOutDistortion(ReadOnlySpan<float> centers, int k)
    {
        if (_heldOut is null || _heldOut.RowCount(_classIndex) == 0)
            return null;
        _ = ClusterSizes(Costs(_heldOut, _classIndex, centers, k), RowWeights(_heldOut, _classIndex), k, out double distortion, out _);
        return distortion;
    }

    /// <summary>2 E|X - Z| - E|X - X'| - E|Z - Z'|. The rows' own part, the costly one, is taken from the engine once for all arms.</summary>
    private double EnergyDistance(ReadOnlySpan<float> centers, double[] weights, double[] costs)
    {
        int k = weights.Length;
        _rowDistance ??= EnergyTerms.Measure(_data, _classIndex, centers, cancellation: _cancellation).Rows;
        double mass = weights.Sum(), rowMass = _rowWeights.Sum(), between = 0, within = 0;
        for (int i = 0; i < _rowCount; i++)
        {
            double sum = 0;
            for (int j = 0; j < k; j++)
                sum += weights[j] * Math.Sqrt(costs[(i * k) + j]);
            between += _rowWeights[i] * sum;
        }

        var squares = new double[k * k];
        PairwiseDistances.Squared(centers, centers, _data.Shape.Length, squares, _cancellation);
        for (int i = 0; i < k; i++)
        {
            for (int j = 0; j < k; j++)
                within += weights[i] * weights[j] * Math.Sqrt(squares[(i * k) + j]);
        }

        // A few units of rounding below 0 when the points are the rows.
        return Math.Max(0, (2 * between / (rowMass * mass)) - _rowDistance.Value - (within / (mass * mass)));
    }

    private double[] Costs(ILatentSource data, int classIndex, ReadOnlySpan<float> centers, int k)
    {
        var costs = new double[checked(data.RowCount(classIndex) * k)];
        var rows = new float[checked(Math.Min(BlockRows, data.RowCount(classIndex)) * data.Shape.Length)];
        for (int first = 0; first < data.RowCount(classIndex); first += BlockRows)
        {
            Span<float> block = ReadBlock(data, classIndex, first, rows);
            PairwiseDistances.Squared(block, centers, data.Shape.Length, costs.AsSpan(first * k, block.Length / data.Shape.Length * k), _cancellation);
        }

        return costs;
    }

    private static Span<float> ReadBlock(ILatentSource data, int classIndex, int first, float[] rows)
    {
        int count = Math.Min(BlockRows, data.RowCount(classIndex) - first);
        Span<float> block = rows.AsSpan(0, count * data.Shape.Length);
        data.ReadRows(classIndex, first, block);
        return block;
    }

    /// <summary>N weights; 1 each where the rows have none of their own.</summary>
    private static double[] RowWeights(ILatentSource data, int classIndex)
    {
        var weights = new double[data.RowCount(classIndex)];
        Array.Fill(weights, 1);
        if (data.HasSampleWeights)
        {
            var stored = new float[weights.Length];
            data.ReadSampleWeights(classIndex, stored);
            for (int i = 0; i < stored.Length; i++)
                weights[i] = stored[i];
        }

        return weights;
    }

    private static int[] ClusterSizes(double[] costs, double[] rowWeights, int k, out double distortion, out double[] shares)
    {
        var sizes = new int[k];
        shares = new double[k];
        double sum = 0, mass = 0;
        for (int i = 0; i < rowWeights.Length; i++)
        {
            int nearest = 0;
            for (int j = 1; j < k; j++)
            {
                if (costs[(i * k) + j] < costs[(i * k) + nearest])
                    nearest = j;
            }

            sizes[nearest]++;
            shares[nearest] += rowWeights[i];
            sum += rowWeights[i] * costs[(i * k) + nearest];
            mass += rowWeights[i];
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
