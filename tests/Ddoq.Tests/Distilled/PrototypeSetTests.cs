using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Storage;
using Ddoq.Tests.Storage;

namespace Ddoq.Tests.Distilled;

public class PrototypeSetTests
{
    private static readonly PrototypeInfo s_info = new()
    {
        Latents = new LatentStoreInfo { Shape = new LatentShape(1, 3, 1), ClassNames = ["a", "b", "c"], ScalingFactor = 0.18215, Kind = LatentKind.Mean },
        CentersPerClass = 4,
        Algorithm = "hartigan",
        Seed = ulong.MaxValue,
        Options = new Dictionary<string, string> { ["restarts"] = "3", ["init"] = "k-means++" },
    };

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void SaveAndLoad_KeepEverything()
    {
        ClassPrototypes[] classes = Classes();
        using PrototypeSet created = PrototypeSet.Create(s_info, classes);
        string path = _folder[PrototypeSet.FileName];
        created.Save(path);
        using PrototypeSet loaded = PrototypeSet.Load(path);
        foreach (PrototypeSet set in (PrototypeSet[])[created, loaded])
        {
            Assert.That(set.Info.Algorithm, Is.EqualTo("hartigan"));
            Assert.That(set.Info.Seed, Is.EqualTo(ulong.MaxValue));
            Assert.That(set.Info.Options, Is.EquivalentTo(s_info.Options));
            Assert.That(set.Info.Latents.ScalingFactor, Is.EqualTo(0.18215));
            Assert.That(set.Info.Latents.Kind, Is.EqualTo(LatentKind.Mean));
            Assert.That(set.Info.Latents.Extra, Is.Empty);
            Assert.That(set.ClassNames, Is.EqualTo(s_info.Latents.ClassNames));
            Assert.That(set.Shape, Is.EqualTo(s_info.Latents.Shape));
            Assert.That(set.CentersPerClass, Is.EqualTo(4));
            Assert.That(set.TotalCenters, Is.EqualTo(6));
            for (int c = 0; c < 3; c++)
            {
                Assert.That(set.CenterCount(c), Is.EqualTo(classes[c].Count));
                Assert.That(set.Centroids(c).ToArray(), Is.EqualTo(classes[c].Centroids.ToArray()));
                Assert.That(set.Counts(c).ToArray(), Is.EqualTo(classes[c].Counts.ToArray()));
                Assert.That(set.Distortion(c), Is.EqualTo(classes[c].Distortion));
                double sum = classes[c].Counts.ToArray().Sum();
                for (int k = 0; k < classes[c].Count; k++)
                {
                    Assert.That(set.Weights(c)[k], Is.EqualTo((float)(classes[c].Counts.Span[k] / sum)));
                    Assert.That(set.Centroid(c, k).ToArray(), Is.EqualTo(classes[c].Centroids.Slice(k * 3, 3).ToArray()));
                }

                Assert.That(() => set.Centroid(c, set.CenterCount(c)).Length, Throws.InstanceOf<ArgumentOutOfRangeException>());
            }

            Assert.That(() => set.Counts(3).Length, Throws.InstanceOf<ArgumentOutOfRangeException>());
        }

        byte[] first = File.ReadAllBytes(path);
        loaded.Save(_folder["again.safetensors"]);
        Assert.That(File.ReadAllBytes(_folder["again.safetensors"]), Is.EqualTo(first));
    }

    [Test]
    public void ReadBySomebodyElse_HoldsTheSame()
    {
        string path = _folder["p.safetensors"];
        ClassPrototypes[] classes = Classes();
        using (PrototypeSet set = PrototypeSet.Create(s_info, classes))
            set.Save(path);
        double[] counts = new double[12], weights = new double[12], centroids = new double[36];
        for (int c = 0; c < 3; c++)
        {
            double sum = classes[c].Counts.ToArray().Sum();
            for (int k = 0; k < classes[c].Count; k++)
            {
                counts[(c * 4) + k] = classes[c].Counts.Span[k];
                weights[(c * 4) + k] = (float)(classes[c].Counts.Span[k] / sum);
                for (int i = 0; i < 3; i++)
                    centroids[(((c * 4) + k) * 3) + i] = classes[c].Centroids.Span[(k * 3) + i];
            }
        }

        System.Text.Json.JsonElement read = IndependentReader.Run(path).GetProperty("p.safetensors");
        IndependentReader.AssertTensor(read, "centroids", "F32", [3, 4, 1, 3, 1], centroids);
        IndependentReader.AssertTensor(read, "counts", "I64", [3, 4], counts);
        IndependentReader.AssertTensor(read, "weights", "F32", [3, 4], weights);
        IndependentReader.AssertTensor(read, "distortion", "F64", [3], [1.25, 0, 0]);
        Assert.That(read.GetProperty("metadata").GetProperty("seed").GetString(), Is.EqualTo("18446744073709551615"));
    }

    [Test]
    public void ClassPrototypes_EmptyCells_AreLeftOut_BadValuesRefused()
    {
        ClassPrototypes result = ClassPrototypes.Create(2, [1, 2, 3, 4, 5, 6], [4, 0, 1], 0.5);
        Assert.Multiple(() =>
        {
            Assert.That(result.Centroids.ToArray(), Is.EqualTo(new[] { 1f, 2, 5, 6 }));
            Assert.That(result.Counts.ToArray(), Is.EqualTo(new[] { 4L, 1 }));
            Assert.That(() => ClassPrototypes.Create(2, [1, 2], [-1], 0), Throws.InstanceOf<DdoqException>());
            Assert.That(() => ClassPrototypes.Create(2, [1, float.NaN], [1], 0), Throws.InstanceOf<DdoqException>().With.Message.Contain("centre 0 holds NaN at value 1"));
            Assert.That(() => ClassPrototypes.Create(2, [1, 2], [1], double.NaN), Throws.InstanceOf<DdoqException>());
            Assert.That(() => ClassPrototypes.Create(2, [1, 2, 3], [1], 0), Throws.ArgumentException);
            Assert.That(() => PrototypeSet.Create(s_info, [result, result, result]), Throws.ArgumentException);
        });
    }

    [Test]
    public void Checkpoint_InterruptedAndResumed_AssemblesTheSameFile()
    {
        ClassPrototypes[] classes = Classes();
        using (PrototypeSet set = PrototypeSet.Create(s_info, classes))
            set.Save(_folder["direct.safetensors"]);
        var checkpoint = new PrototypeCheckpoint(_folder.Path, s_info);
        checkpoint.Save(2, classes[2]);
        checkpoint.Save(0, classes[0]);
        File.WriteAllText(Path.Combine(checkpoint.Folder, ".00001.safetensors.7-1.partial"), "killed here");
        Assert.That(() => checkpoint.Assemble(_folder["x"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("class 1 'b' is not quantised yet"));

        var resumed = new PrototypeCheckpoint(_folder.Path, s_info, flushToDisk: false);
        Assert.That(resumed.MissingClasses(), Is.EqualTo(new[] { 1 }));
        byte[] whole = File.ReadAllBytes(resumed.PathOf(0));
        File.WriteAllBytes(resumed.PathOf(0), whole[..^3]);
        Assert.That(resumed.MissingClasses(), Is.EqualTo(new[] { 0, 1 }));
        resumed.Save(0, classes[0]);
        resumed.Save(1, classes[1]);
        resumed.Assemble(_folder["assembled.safetensors"]);
        Assert.Multiple(() =>
        {
            Assert.That(File.ReadAllBytes(resumed.PathOf(0)), Is.EqualTo(whole));
            Assert.That(File.ReadAllBytes(_folder["assembled.safetensors"]), Is.EqualTo(File.ReadAllBytes(_folder["direct.safetensors"])));
            Assert.That(File.Exists(_folder["x"]), Is.False);
        });
    }

    [Test]
    public void Checkpoint_OfAnotherRun_IsRefused()
    {
        new PrototypeCheckpoint(_folder.Path, s_info).Save(0, Classes()[0]);
        var other = new PrototypeCheckpoint(_folder.Path, s_info with { Seed = 1 });
        Assert.That(() => other.TryLoad(0, out _), Throws.InstanceOf<DdoqException>().With.Message.Contain("seed is '18446744073709551615', this run has '1'"));
        File.Move(other.PathOf(0), other.PathOf(1));
        Assert.That(() => new PrototypeCheckpoint(_folder.Path, s_info).TryLoad(1, out _), Throws.InstanceOf<DdoqException>().With.Message.Contain("class_index"));
    }

    [TestCase("counts", 0, -1L, "count 0 is -1")]
    [TestCase("counts", 0, 9L, "weight 0 is")]
    [TestCase("counts", 1, 0L, "counts are above 0 for used slots")]
    [TestCase("weights", 0, 0x3F800000L, "weight 0 is 1")]
    [TestCase("weights", 3, 0x7FC00000L, "weight 3 is NaN")]
    [TestCase("centroids", 4, 0x7F800000L, "centre 1 holds Infinity at value 1")]
    [TestCase("distortion", 0, -4616189618054758400L, "distortion is -1")]
    public void Load_WrongNumbers_NameTheClass(string tensor, int element, long bits, string expected)
    {
        string path = _folder["p.safetensors"];
        using (PrototypeSet set = PrototypeSet.Create(s_info, Classes()))
            set.Save(path);
        byte[] bytes = File.ReadAllBytes(path);
        int place, size;
        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            SafetensorsTensor t = file.GetTensor(tensor);
            size = SafetensorsTensor.ElementSize(t.Type);
            place = 8 + (int)BitConverter.ToInt64(bytes) + (int)t.Offset + (element * size);
        }

        BitConverter.GetBytes(bits).AsSpan(0, size).CopyTo(bytes.AsSpan(place));
        File.WriteAllBytes(path, bytes);
        Assert.That(() => PrototypeSet.Load(path), Throws.InstanceOf<DdoqException>().With.Message.Contain("class 0 'a': ").And.Message.Contain(expected));
    }

    [Test]
    public void Load_DamagedAtRandom_IsAnErrorOrReadable_NeverAnythingElse()
    {
        string path = _folder["p.safetensors"];
        using (PrototypeSet set = PrototypeSet.Create(s_info, Classes()))
            set.Save(path);
        byte[] whole = File.ReadAllBytes(path);
        int refused = 0;
        for (uint variant = 0; variant < 2000; variant++)
        {
            File.WriteAllBytes(path, SafetensorsTests.Damage(whole, 8 + (int)BitConverter.ToInt64(whole), variant));
            try
            {
                using PrototypeSet set = PrototypeSet.Load(path);
                for (int c = 0; c < set.ClassNames.Count; c++)
                    Assert.That(set.Centroids(c).Length, Is.EqualTo(set.CenterCount(c) * set.Shape.Length));
            }
            catch (DdoqException)
            {
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"variant {variant}: {e}");
            }
        }

        Assert.That(refused, Is.InRange(500, 1999));
    }

    // Four centres, none, and two: the second class has no rows, the third has fewer than K.
    private static ClassPrototypes[] Classes()
    {
        var random = new CounterRandom(3, 3);
        float[] values = new float[12];
        random.FillGaussian(values);
        return
        [
            ClassPrototypes.Create(3, values, [5, 1, 2, 700], 1.25),
            ClassPrototypes.Empty,
            ClassPrototypes.Create(3, values.AsSpan(0, 6), [1, 2], 0),
        ];
    }
}
