using System.Globalization;
using Ddoq.Distilled;
using Ddoq.Evaluation.Comparison;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Tests.Stages;

/// <summary>A store with sample weights through quantize and evaluate.</summary>
public class SampleWeightTests
{
    private const int Rows = 60;
    private static readonly LatentShape s_shape = new(2, 3, 3);
    private readonly float[] _weights = [.. Enumerable.Range(0, 2 * Rows).Select(i => i % 7 == 0 ? 0 : 0.25f + (i % 5))];
    private string _folder = string.Empty;

    [SetUp]
    public void WriteLatents()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-weights-").FullName;
        var info = new LatentStoreInfo { Shape = s_shape, ClassNames = ["a", "b"] };
        using var writer = LatentStoreWriter.Open(Path.Combine(_folder, "latents"), info, 2 * Rows, rowsPerShard: 50, hasSampleWeights: true);
        var values = new float[2 * Rows * s_shape.Length];
        new CounterRandom(3, 2).FillGaussian(values);
        writer.Append(values, [.. Enumerable.Range(0, 2 * Rows).Select(i => i % 2)], _weights);
        writer.Complete();
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Masses_ReachPrototypes_Quality_AndExactTransport()
    {
        var context = new StageContext(NullProgress.Instance, 2, false, CancellationToken.None);
        string latents = Path.Combine(_folder, "latents"), prototypes = Path.Combine(_folder, "prototypes"), file = Path.Combine(prototypes, PrototypeSet.FileName);
        QuantizeStage.Run(new QuantizeOptions { Quantizer = new QuantizerOptions { CentroidCount = 5 }, Device = "auto" }, latents, prototypes, context);
        using PrototypeSet set = PrototypeSet.Load(file);
        PrototypeComparison measured = EvaluateStage.Measure(latents, file, context);
        string[] lines = File.ReadAllLines(Path.Combine(prototypes, QuantizationQuality.FileName));
        Assert.Multiple(() =>
        {
            Assert.That(set.HasMasses);
            for (int c = 0; c < 2; c++)
            {
                double[] masses = set.Masses(c).ToArray();
                double total = _weights.Where((_, i) => i % 2 == c).Sum(weight => (double)weight), squares = masses.Sum(mass => mass * mass);
                Assert.That(set.Counts(c).ToArray().Sum(), Is.EqualTo(Rows), "counts stay rows");
                Assert.That(masses.Sum(), Is.EqualTo(total).Within(1e-9));
                Assert.That(set.Weights(c).ToArray().Zip(masses, (weight, mass) => weight - (mass / total)), Is.All.EqualTo(0).Within(1e-6));

                // Proposition 1, eq. 16, for the weighted measure: its exact transport to the Voronoi masses costs the distortion.
                ClassMeasurement m = measured["prototypes", c];
                Assert.That(m.Distortion, Is.EqualTo(set.Distortion(c)).Within(1e-5 * set.Distortion(c)));
                Assert.That(m.Wasserstein * m.Wasserstein, Is.EqualTo(set.Distortion(c)).Within(1e-5 * set.Distortion(c)));
                Assert.That(double.Parse(lines[c + 1].Split(',')[^3], CultureInfo.InvariantCulture), Is.EqualTo(total * total / squares).Within(1e-6), "effective cells");
            }
        });
    }

    [Test]
    public void Plan_WeighsImagesByMass_AndKeepsItForTraining()
    {
        var info = new PrototypeInfo { Latents = new LatentStoreInfo { Shape = s_shape, ClassNames = ["a"] }, CentersPerClass = 2, HasMasses = true };
        using PrototypeSet set = PrototypeSet.Create(info, [ClassPrototypes.Create(s_shape.Length, new float[2 * s_shape.Length], [9, 1], 1, [1, 3])]);
        var direct = new float[2];
        set.ComputeWeights(0, WeightRule.Direct, direct);
        Assert.That(direct, Is.EqualTo(new[] { 0.25f, 0.75f }));
        var images = new DistilledSet(["a"], [new("a/0.png", 0, "a", 0.25, 9, 0, 0, 1), new("a/1.png", 0, "a", 0.75, 1, 1, 0, 3)]);
        images.SaveMetadata(_folder);
        string text = File.ReadAllText(Path.Combine(_folder, "train", "metadata.jsonl"));
        DistilledSet read = DistilledSet.Load(_folder, requireImages: false);
        Assert.Multiple(() =>
        {
            Assert.That(text, Does.Contain("\"cluster_size\": 9").Or.Contain("\"cluster_size\":9"));
            Assert.That(text, Does.Contain("\"cluster_mass\": 3.0").Or.Contain("\"cluster_mass\":3.0"));
            Assert.That(read.Images.Select(image => image.ClusterMass), Is.EqualTo(new double?[] { 1, 3 }));
        });
    }
}
