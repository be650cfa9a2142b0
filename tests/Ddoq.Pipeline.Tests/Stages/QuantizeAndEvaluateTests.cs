using Ddoq.Distilled;
using Ddoq.Evaluation.Comparison;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Tests.Stages;

public class QuantizeAndEvaluateTests
{
    private const int Classes = 3;
    private const int Rows = 40;
    private static readonly LatentShape s_shape = new(2, 3, 3);

    private string _folder = string.Empty;

    [SetUp]
    public void WriteLatents()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-stages-").FullName;
        var info = new LatentStoreInfo { Shape = s_shape, ClassNames = ["a", "b", "c"] };
        using var writer = LatentStoreWriter.Open(Latents, info, Classes * Rows, rowsPerShard: 50);
        var random = new CounterRandom(3, 1);
        for (int row = 0; row < Classes * Rows; row++)
        {
            var values = new float[s_shape.Length];
            random.FillGaussian(values);
            writer.Append(values, [row % Classes]);
        }

        writer.Complete();
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase(QuantizationAlgorithm.D4m)]
    [TestCase(QuantizationAlgorithm.Clvq)]
    [TestCase(QuantizationAlgorithm.MiniBatch)]
    [TestCase(QuantizationAlgorithm.Lloyd)]
    [TestCase(QuantizationAlgorithm.Hartigan)]
    public void Distortion_IsTheSquaredDistanceOfVoronoiWeights(QuantizationAlgorithm algorithm)
    {
        // Proposition 1, eq. 16: with Voronoi masses as weights, exact optimal transport costs the distortion.
        Run(algorithm, 5);
        PrototypeComparison measured = EvaluateStage.Measure(Latents, File, Context());
        using PrototypeSet set = PrototypeSet.Load(File);
        Assert.Multiple(() =>
        {
            for (int c = 0; c < Classes; c++)
            {
                ClassMeasurement m = measured["prototypes", c];
                Assert.That(m.WassersteinVoronoi * m.WassersteinVoronoi, Is.EqualTo(set.Distortion(c)).Within(1e-6 * set.Distortion(c)));
                Assert.That(m.WassersteinUniform, Is.GreaterThanOrEqualTo(m.WassersteinVoronoi - 1e-9));
                Assert.That(set.Counts(c).ToArray().Sum(), Is.EqualTo(Rows));
                Assert.That(set.Weights(c).ToArray().Sum(w => (double)w), Is.EqualTo(1).Within(1e-6));
            }
        });
    }

    [TestCase(1, 0)]
    [TestCase(Rows, 1)]
    public void VarianceExplained_IsNothingByOneCentre_AndAllByACentrePerRow(int centres, double explained)
    {
        Run(QuantizationAlgorithm.Lloyd, centres);
        QualitySummary quality = QuantizationQuality.Summarise(Path.Combine(Prototypes, QuantizationQuality.FileName));
        PrototypeComparison measured = EvaluateStage.Measure(Latents, File, Context());
        Assert.Multiple(() =>
        {
            Assert.That(quality.Explained, Is.EqualTo(explained).Within(1e-6));
            Assert.That(quality.ExplainedByClass, Has.Count.EqualTo(Classes).And.All.EqualTo(explained).Within(1e-6));
            Assert.That(measured.Mean("prototypes", PrototypeMetric.VarianceExplained), Is.EqualTo(explained).Within(1e-6));
        });
    }

    [Test]
    public void VarianceExplained_IsTheVarianceThatConditionalMeansKeep()
    {
        // The law of total variance: Lloyd's centres are the means of their cells, weighted by their masses.
        Run(QuantizationAlgorithm.Lloyd, 5);
        PrototypeComparison measured = EvaluateStage.Measure(Latents, File, Context());
        QualitySummary quality = QuantizationQuality.Summarise(Path.Combine(Prototypes, QuantizationQuality.FileName));
        for (int c = 0; c < Classes; c++)
        {
            ClassMeasurement m = measured["prototypes", c];
            Assert.That(m.VarianceExplained, Is.EqualTo(m.VarianceKept).Within(1e-4));
            Assert.That(quality.ExplainedByClass[c], Is.EqualTo(m.VarianceExplained).Within(1e-5));
        }
    }

    [Test]
    public void Curve_HasThePointsThatSingleQuantisationsGive_AndGoesOnWhereItStopped()
    {
        string output = Path.Combine(_folder, "curve");
        var options = new QuantizeOptions { Quantizer = new QuantizerOptions { CentroidCount = 2, Seed = 1, Algorithm = QuantizationAlgorithm.Hartigan }, Device = "cpu" };
        IReadOnlyList<CurvePoint> points = CurveStage.Run(options, [5, 1, 5, Rows + 1], Latents, output, Context());
        Run(QuantizationAlgorithm.Hartigan, 5);
        QualitySummary single = QuantizationQuality.Summarise(Path.Combine(Prototypes, QuantizationQuality.FileName));
        string[] lines = System.IO.File.ReadAllLines(Path.Combine(output, CurveStage.FileName));
        Assert.Multiple(() =>
        {
            Assert.That(points.Select(point => point.CentresPerClass), Is.EqualTo(new[] { 1, 5, Rows + 1 }));
            Assert.That(points.Select(point => point.Centres), Is.EqualTo(new[] { Classes, Classes * 5, Classes * Rows }));
            Assert.That((points[1].Distortion, points[1].Explained), Is.EqualTo((single.Distortion, single.Explained)));
            Assert.That(points[0].Explained, Is.EqualTo(0).Within(1e-6));
            Assert.That(points[2].Explained, Is.EqualTo(1).Within(1e-6));
            Assert.That(lines, Has.Length.EqualTo(4));
            Assert.That(lines[0], Is.EqualTo("centres_per_class,centres,distortion,explained,held_out_distortion"));
        });

        // As a killed run leaves it: one point there, which is not measured again, and no table.
        System.IO.File.Delete(Path.Combine(output, CurveStage.FileName));
        string first = Path.Combine(output, "centres-1.json");
        System.IO.File.Delete(Path.Combine(output, "centres-5.json"));
        DateTime written = System.IO.File.GetLastWriteTimeUtc(first);
        Assert.That(CurveStage.Run(options, [1, 5, Rows + 1], Latents, output, Context()), Is.EqualTo(points));
        Assert.That(System.IO.File.GetLastWriteTimeUtc(first), Is.EqualTo(written));
        Assert.That(System.IO.File.ReadAllLines(Path.Combine(output, CurveStage.FileName)), Is.EqualTo(lines));
    }

    [Test]
    public void Quantize_Resumes_WithoutRepeatingFinishedClasses_AndGivesTheSameBytes()
    {
        Run(QuantizationAlgorithm.Hartigan, 4);
        byte[] expected = System.IO.File.ReadAllBytes(File);
        string classes = Path.Combine(Prototypes, "classes");
        string[] checkpoints = [.. Directory.EnumerateFiles(classes, "*.safetensors").Order(StringComparer.Ordinal)];
        Assert.That(checkpoints, Has.Length.EqualTo(Classes));

        // As a killed run leaves it: one class missing, no result.
        System.IO.File.Delete(File);
        System.IO.File.Delete(checkpoints[1]);
        DateTime kept = System.IO.File.GetLastWriteTimeUtc(checkpoints[0]);
        Run(QuantizationAlgorithm.Hartigan, 4);
        Assert.Multiple(() =>
        {
            Assert.That(System.IO.File.ReadAllBytes(File), Is.EqualTo(expected));
            Assert.That(System.IO.File.GetLastWriteTimeUtc(checkpoints[0]), Is.EqualTo(kept));
        });
    }

    [Test]
    public void Quantize_RefusesOtherSettings_NamingThem()
    {
        Run(QuantizationAlgorithm.Lloyd, 4);
        Assert.That(
            () => Run(QuantizationAlgorithm.Lloyd, 5),
            Throws.InstanceOf<DdoqException>().With.Message.Contain("ipc: 4 -> 5"));
    }

    private string Latents => Path.Combine(_folder, "latents");

    private string Prototypes => Path.Combine(_folder, "prototypes");

    private string File => Path.Combine(Prototypes, PrototypeSet.FileName);

    private static StageContext Context() => new(NullProgress.Instance, 2, false, CancellationToken.None);

    private void Run(QuantizationAlgorithm algorithm, int centres) => QuantizeStage.Run(
        new QuantizeOptions { Quantizer = new QuantizerOptions { CentroidCount = centres, Algorithm = algorithm, Seed = 1 }, Device = "cpu" }, Latents, Prototypes, Context());
}
