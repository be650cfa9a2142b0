using Ddoq.Distilled;
using Ddoq.Evaluation.Comparison;
using Ddoq.Evaluation.Tables;
using Ddoq.Evaluation.Transport;
using Ddoq.Latents;

namespace Ddoq.Evaluation.Tests.Comparison;

public class PrototypeComparisonTests
{
    private static readonly LatentShape Shape = new(4, 3, 3);

    [Test]
    public void Measure_AgreesWithTheDefinitions()
    {
        // 1,030 rows: more than one block is read, the last one partly filled.
        var data = new MemoryLatents(1, Shape, 1030, 0, 40);
        var heldOut = new MemoryLatents(2, Shape, 50, 0, 0);
        PrototypeArm[] arms =
        [
            new("first rows", c => new ArmPrototypes(data.Floats(c, 7))),
            new("weighted", c => new ArmPrototypes(data.Floats(c, 3), new double[] { 2, 1, 1 })),
        ];
        PrototypeComparison comparison = PrototypeComparison.Measure(data, arms, heldOut);

        ClassMeasurement first = comparison["first rows", 0], weighted = comparison["weighted", 0];
        float[] rows = data.Floats(0, 1030);
        Assert.Multiple(() =>
        {
            Assert.That(comparison.Classes, Is.EqualTo(new[] { 0, 2 }));
            Assert.That(first.RowCount, Is.EqualTo(1030));
            Assert.That(first.ClusterSizes.Sum(), Is.EqualTo(1030));
            Assert.That(first.Distortion, Is.EqualTo(Distortion(rows, data.Floats(0, 7))).Within(1e-12).Percent);
            Assert.That(first.WassersteinVoronoi, Is.EqualTo(Math.Sqrt(first.Distortion)).Within(1e-10));
            Assert.That(first.Wasserstein, Is.EqualTo(first.WassersteinUniform));
            Assert.That(first.EffectiveSampleSize, Is.EqualTo(7).Within(1e-12));
            Assert.That(first.HeldOutDistortion, Is.EqualTo(Distortion(heldOut.Floats(0, 50), data.Floats(0, 7))).Within(1e-12).Percent);
            Assert.That(comparison["first rows", 2].HeldOutDistortion, Is.Null);
            Assert.That(weighted.Wasserstein, Is.EqualTo(Wasserstein.SquaredDistance(rows, [], data.Floats(0, 3), [0.5, 0.25, 0.25], Shape.Length).Distance).Within(1e-12));
            Assert.That(weighted.Wasserstein, Is.Not.EqualTo(weighted.WassersteinUniform).Within(1e-6));
            Assert.That(weighted.EffectiveSampleSize, Is.EqualTo(16.0 / 6).Within(1e-12));
            Assert.That(comparison.Measurements.Max(m => m.RelativeDualityGap), Is.LessThan(1e-12));
        });
    }

    /// <summary>A class of many rows and prototypes takes minutes: whoever stops meanwhile does not wait for its end.</summary>
    [Test]
    public void Measure_StopsWithinAClass()
    {
        var data = new MemoryLatents(1, Shape, 40);
        using var cancellation = new CancellationTokenSource();
        var arm = new PrototypeArm("a", _ =>
        {
            cancellation.Cancel();
            return new ArmPrototypes(data.Floats(0, 3));
        });
        Assert.That(() => PrototypeComparison.Measure(data, [arm], cancellationToken: cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => Wasserstein.Solve([1, 2], [1], [1, 1], cancellation.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    /// <summary>Energy distance and variance by their definitions, every pair on its own.</summary>
    [Test]
    public void Measure_EnergyAndVariance_AgreeWithTheDefinitions()
    {
        var data = new MemoryLatents(1, Shape, 60);
        double[] weights = [3, 1, 2];
        float[] points = data.Floats(0, 3);
        points[4] += 2;
        ClassMeasurement found = PrototypeComparison.Measure(data, [new PrototypeArm("a", _ => new ArmPrototypes(points, weights))])["a", 0];

        double[][] x = Rows(data.Floats(0, 60)), z = Rows(points);
        double[] w = [0.5, 1.0 / 6, 1.0 / 3], one = [.. Enumerable.Repeat(1.0 / 60, 60)];
        Assert.Multiple(() =>
        {
            Assert.That(found.EnergyDistance, Is.EqualTo((2 * Mean(x, one, z, w)) - Mean(x, one, x, one) - Mean(z, w, z, w)).Within(1e-6 * Mean(x, one, x, one)), "the rows' own part is of fp32 distances");
            Assert.That(found.VarianceKept, Is.EqualTo(Variance(z, w) / Variance(x, one)).Within(1e-10));
        });

        static double[][] Rows(float[] values) => [.. values.Chunk(Shape.Length).Select(row => row.Select(value => (double)value).ToArray())];
        static double Mean(double[][] a, double[] v, double[][] b, double[] u) =>
            a.Select((p, i) => b.Select((q, j) => v[i] * u[j] * Math.Sqrt(p.Zip(q, (s, t) => (s - t) * (s - t)).Sum())).Sum()).Sum();
        static double Variance(double[][] a, double[] v)
        {
            double[] mean = [.. Enumerable.Range(0, Shape.Length).Select(d => a.Select((p, i) => v[i] * p[d]).Sum())];
            return a.Select((p, i) => v[i] * p.Zip(mean, (s, t) => (s - t) * (s - t)).Sum()).Sum();
        }
    }

    [Test]
    public void FromLatents_OfTheDataItself_LosesNothing()
    {
        var data = new MemoryLatents(1, Shape, 40, 30);
        PrototypeComparison comparison = PrototypeComparison.Measure(data, [PrototypeArm.FromLatents("all", data)]);
        Assert.Multiple(() =>
        {
            foreach (ClassMeasurement measurement in comparison.Measurements)
            {
                Assert.That(measurement.Wasserstein, Is.Zero.Within(1e-6));
                Assert.That(measurement.EnergyDistance, Is.Zero.Within(1e-5), "of distances near 8, in fp32");
                Assert.That(measurement.VarianceKept, Is.EqualTo(1).Within(1e-12));
            }
        });
    }

    /// <summary>The published Table 1: the changes come out as printed there.</summary>
    [TestCase(new[] { 49.67, 51.14, 47.16 }, new[] { 42.97, 42.71, 39.14 }, -0.157)]
    [TestCase(new[] { 47.34, 49.10, 45.28 }, new[] { 40.41, 41.01, 37.53 }, -0.161)]
    public void RelativeChange_OfThePapersFigures_IsThePapers(double[] d4m, double[] ddoq, double expected) =>
        Assert.That(Published(d4m, ddoq).RelativeChange("DDOQ", "D4M", PrototypeMetric.Wasserstein), Is.EqualTo(expected).Within(5e-4));

    [Test]
    public void ToTable_HasClasses_Means_AndChanges()
    {
        PrototypeComparison comparison = Published([49.67, 51.14, 47.16], [42.97, 42.71, 39.14]);
        ComparisonTable table = comparison.ToTable(PrototypeMetric.Wasserstein, "D4M", maximumClasses: 2);
        Assert.Multiple(() =>
        {
            Assert.That(table.Rows.Select(row => string.Join("|", row.Cells.Select(cell => cell.Text + (cell.IsBest ? "*" : "")))), Is.EqualTo(new[]
            {
                "class 0|49.67|42.97*",
                "class 1|51.14|42.71*",
                "Mean|49.32|41.61*",
                "Change against D4M|–|\u221215.7\u00A0%",
            }));
            Assert.That(table.Notes[0], Does.StartWith("2 of 3 classes"));
            Assert.That(comparison.ToTable(PrototypeMetric.HeldOutDistortion).Columns, Has.Count.EqualTo(1), "arms without the figure are left out");
        });
    }

    [Test]
    public void FromSet_TakesCentresAndCounts()
    {
        var data = new MemoryLatents(1, Shape, 30, 20);
        using PrototypeSet set = Set(data.Shape, ["class 0", "class 1"]);
        PrototypeComparison comparison = PrototypeComparison.Measure(
            data, [PrototypeArm.FromSet("weighted", set), PrototypeArm.FromSet("w = 1", set, isWeighted: false)]);
        Assert.Multiple(() =>
        {
            Assert.That(comparison["weighted", 1].PrototypeCount, Is.EqualTo(2));
            Assert.That(comparison["weighted", 1].EffectiveSampleSize, Is.EqualTo(1.6).Within(1e-12));
            Assert.That(comparison["w = 1", 1].EffectiveSampleSize, Is.EqualTo(2).Within(1e-12));
            Assert.That(
                comparison["weighted", 1].Wasserstein,
                Is.EqualTo(Wasserstein.SquaredDistance(data.Floats(1, 20), [], set.Centroids(1), [0.75, 0.25], Shape.Length).Distance).Within(1e-12));
        });
    }

    [Test]
    public void FromSet_OfOtherClassesOrShapes_IsRefused()
    {
        var data = new MemoryLatents(1, Shape, 30, 20);
        using PrototypeSet others = Set(data.Shape, ["class 0", "class 2"]), smaller = Set(new LatentShape(4, 3, 1), ["class 0", "class 1"]);
        Assert.Multiple(() =>
        {
            Assert.That(
                () => PrototypeComparison.Measure(data, [PrototypeArm.FromSet("a", others)]),
                Throws.TypeOf<DdoqException>().With.Message.Contains("has 2 classes, the latents 2; it lacks 'class 1'"));
            Assert.That(
                () => PrototypeComparison.Measure(data, [PrototypeArm.FromSet("a", smaller)]),
                Throws.TypeOf<DdoqException>().With.Message.Contains("shape 4x3x1, the latents have 4x3x3"));
        });
    }

    [Test]
    public void BadInput_NamesArmAndClass()
    {
        var data = new MemoryLatents(1, Shape, 20);
        Assert.Multiple(() =>
        {
            Assert.That(() => Measure(new PrototypeArm("a", _ => new ArmPrototypes(new float[35]))), Fails("Arm 'a', class 'class 0': 35 centre values"));
            Assert.That(() => Measure(new PrototypeArm("a", _ => new ArmPrototypes(new float[72], new double[3]))), Fails("2 centres and 3 weights"));
            Assert.That(() => Measure(), Fails("at least one"));
            Assert.That(
                () => PrototypeComparison.Measure(data, [new PrototypeArm("a", _ => new ArmPrototypes(data.Floats(0, 1)))], new MemoryLatents(1, new LatentShape(4, 3, 2), 1)),
                Fails("held-out latents have shape 4x3x2"));
            Assert.That(() => PrototypeComparison.FromMeasurements([Published("a", 0, 1), Published("b", 1, 1)]), Fails("2 measurements"));
        });

        PrototypeComparison Measure(params PrototypeArm[] arms) => PrototypeComparison.Measure(data, arms);
        static NUnit.Framework.Constraints.IResolveConstraint Fails(string words) =>
            Throws.TypeOf<DdoqException>().With.Message.Contains(words);
    }

    private static PrototypeSet Set(LatentShape shape, string[] classNames)
    {
        var centroids = new float[2 * shape.Length];
        for (int i = 0; i < centroids.Length; i++)
            centroids[i] = 0.125f * (i % 9);
        return PrototypeSet.Create(
            new PrototypeInfo { Latents = new LatentStoreInfo { Shape = shape, ClassNames = classNames }, CentersPerClass = 2 },
            [.. classNames.Select(_ => ClassPrototypes.Create(shape.Length, centroids, [3, 1], 1))]);
    }

    private static PrototypeComparison Published(double[] d4m, double[] ddoq) => PrototypeComparison.FromMeasurements(
        [.. d4m.SelectMany((value, c) => new[] { Published("D4M", c, value), Published("DDOQ", c, ddoq[c]) })]);

    private static ClassMeasurement Published(string arm, int classIndex, double wasserstein) => new()
    {
        Arm = arm,
        ClassIndex = classIndex,
        ClassName = $"class {classIndex}",
        RowCount = 1300,
        PrototypeCount = 10,
        Wasserstein = wasserstein,
        WassersteinVoronoi = wasserstein,
        WassersteinUniform = wasserstein,
        Distortion = wasserstein * wasserstein,
        ClusterSizes = [],
        EffectiveSampleSize = 10,
        RelativeDualityGap = 0,
    };

    private static double Distortion(float[] rows, float[] centers) =>
        rows.Chunk(Shape.Length).Average(row => centers.Chunk(Shape.Length).Min(center =>
            row.Zip(center, (a, b) => ((double)a - b) * ((double)a - b)).Sum()));
}
