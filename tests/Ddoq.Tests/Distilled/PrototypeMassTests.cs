using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Quantization;
using Ddoq.Storage;
using Ddoq.Tests.Storage;

namespace Ddoq.Tests.Distilled;

/// <summary>Prototypes of rows with weights: masses beside counts, and weights from masses.</summary>
public class PrototypeMassTests
{
    private static readonly PrototypeInfo s_info = new()
    {
        Latents = new LatentStoreInfo { Shape = new LatentShape(1, 2, 1), ClassNames = ["a", "b"] },
        CentersPerClass = 3,
        HasMasses = true,
    };

    private static readonly ClassPrototypes[] s_classes =
    [
        ClassPrototypes.Create(2, [1, 2, 3, 4, 5, 6], [10, 20, 30], 1.5, [6, 1, 3]),
        ClassPrototypes.Create(2, [7, 8], [4], 0, [0.25]),
    ];

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void RoundTrip_ThroughSetAndCheckpoint()
    {
        string saved = _folder["set.safetensors"], assembled = _folder["joined.safetensors"];
        using (PrototypeSet set = PrototypeSet.Create(s_info, s_classes))
        {
            AssertClasses(set);
            set.Save(saved);
        }

        var checkpoint = new PrototypeCheckpoint(_folder.Path, s_info);
        for (int c = 0; c < 2; c++)
            checkpoint.Save(c, s_classes[c]);
        Assert.That(checkpoint.MissingClasses(), Is.Empty);
        Assert.That(checkpoint.TryLoad(0, out ClassPrototypes? loaded));
        Assert.That(loaded!.Masses.ToArray(), Is.EqualTo(s_classes[0].Masses.ToArray()));
        checkpoint.Assemble(assembled);
        Assert.That(File.ReadAllBytes(assembled), Is.EqualTo(File.ReadAllBytes(saved)));
        using PrototypeSet read = PrototypeSet.Load(saved);
        AssertClasses(read);
        using SafetensorsFile file = SafetensorsFile.Open(saved);
        Assert.That(file.GetSpan<long>("counts").ToArray(), Is.EqualTo(new long[] { 10, 20, 30, 4, 0, 0 }), "counts stay rows");
        Assert.That(file.GetSpan<float>("weights").ToArray(), Is.EqualTo(new[] { 0.6f, 0.1f, 0.3f, 1, 0, 0 }), "weights are shares of the mass");
    }

    [Test]
    public void WithoutWeights_TheFileHasNoMasses()
    {
        string path = _folder["set.safetensors"];
        using (PrototypeSet set = PrototypeSet.Create(s_info with { HasMasses = false }, [ClassPrototypes.Create(2, [1, 2], [3], 0), ClassPrototypes.Empty]))
            set.Save(path);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.That(file.Tensors.Select(tensor => tensor.Name), Has.No.Member("masses"));
        Assert.That(file.Metadata.Keys, Has.No.Member("sample_weights"));
    }

    [TestCase(WeightRule.None, new[] { 1f, 1, 1 })]
    [TestCase(WeightRule.Direct, new[] { 0.6f, 0.1f, 0.3f })]
    [TestCase(WeightRule.SquareRoot, new[] { 1.3416408f, 0.5477226f, 0.9486833f })]
    [TestCase(WeightRule.Inverse, new[] { 0.11111111f, 0.6666667f, 0.22222222f })]
    public void Rules_TakeMasses(WeightRule rule, float[] expected)
    {
        using PrototypeSet set = PrototypeSet.Create(s_info, s_classes);
        float[] weights = new float[3];
        set.ComputeWeights(0, rule, weights);
        Assert.That(weights, Is.EqualTo(expected).Within(1e-7f));
    }

    [Test]
    public void CellWithoutMass_IsLeftOut_BadMassesAreRefused()
    {
        ClassPrototypes kept = ClassPrototypes.Create(2, [1, 2, 3, 4], [5, 6], 1, [0, 2]);
        Assert.Multiple(() =>
        {
            Assert.That(kept.Counts.ToArray(), Is.EqualTo(new long[] { 6 }));
            Assert.That(kept.Masses.ToArray(), Is.EqualTo(new double[] { 2 }));
            Assert.That(() => ClassPrototypes.Create(2, [1, 2], [5], 1, [double.NaN]), Throws.TypeOf<DdoqException>().With.Message.Contain("centre 0 has mass NaN"));
            Assert.That(() => ClassPrototypes.Create(2, [1, 2], [5], 1, [1, 2]), Throws.ArgumentException);
            Assert.That(() => PrototypeWeights.Compute(WeightRule.Direct, [1.0, -0.5], new float[2]), Throws.TypeOf<DdoqException>().With.Message.Contain("-0.5"));
            Assert.That(() => PrototypeSet.Create(s_info with { HasMasses = false }, s_classes), Throws.ArgumentException);
        });
    }

    [Test]
    public void WeightsThatAreSharesOfTheCounts_AreRefused()
    {
        string path = _folder["set.safetensors"];
        using (PrototypeSet set = PrototypeSet.Create(s_info, s_classes))
            set.Save(path);
        byte[] bytes = File.ReadAllBytes(path);
        int place = bytes.AsSpan().IndexOf(BitConverter.GetBytes(0.6f));
        BitConverter.GetBytes(10 / 60f).CopyTo(bytes, place);
        File.WriteAllBytes(path, bytes);
        Assert.That(() => PrototypeSet.Load(path), Throws.TypeOf<DdoqException>().With.Message.Contain("weight 0 is 0.16666667, the masses give 0.6"));
    }

    private static void AssertClasses(PrototypeSet set)
    {
        Assert.Multiple(() =>
        {
            Assert.That(set.HasMasses);
            for (int c = 0; c < 2; c++)
            {
                Assert.That(set.Counts(c).ToArray(), Is.EqualTo(s_classes[c].Counts.ToArray()));
                Assert.That(set.Masses(c).ToArray(), Is.EqualTo(s_classes[c].Masses.ToArray()));
            }

            Assert.That(set.Weights(0).ToArray(), Is.EqualTo(new[] { 0.6f, 0.1f, 0.3f }));
        });
    }
}
