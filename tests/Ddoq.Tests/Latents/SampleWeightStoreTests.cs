using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Storage;
using Ddoq.Tests.Storage;

namespace Ddoq.Tests.Latents;

/// <summary>Weights of rows in a store on disk.</summary>
public class SampleWeightStoreTests
{
    private static readonly LatentStoreInfo s_info = new() { Shape = new LatentShape(1, 3, 1), ClassNames = ["cat", "dog", "none"] };

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [TestCase(1, 1)]
    [TestCase(7, 7)]
    [TestCase(33, 16)]
    [TestCase(100, 7)]
    public void RoundTrip(int rows, int rowsPerShard)
    {
        (float[] values, int[] labels, float[] weights) = Rows(rows);
        Write(_folder.Path, values, labels, weights, rowsPerShard);
        using LatentStore store = LatentStore.Open(_folder.Path);
        store.EnsureFinite();
        Assert.That(store.HasSampleWeights);
        for (int c = 0; c < 3; c++)
        {
            float[] read = new float[store.RowCount(c)];
            store.ReadSampleWeights(c, read);
            Assert.That(read, Is.EqualTo(weights.Where((_, i) => labels[i] == c)), $"class {c}");
        }

        string text = File.ReadAllText(_folder["latents.safetensors.index.json"]);
        Assert.That(text, Does.Contain("\"sample_weights.00001\"").And.Contain($"\"total_size\": {rows * 14}"));
    }

    [Test]
    public void WithoutWeights_EveryRowWeighsOne_AndTheFilesHaveNoWeights()
    {
        (float[] values, int[] labels, _) = Rows(20);
        Write(_folder.Path, values, labels, null, 8);
        using LatentStore store = LatentStore.Open(_folder.Path);
        float[] read = new float[store.RowCount(0)];
        store.ReadSampleWeights(0, read);
        using SafetensorsFile file = SafetensorsFile.Open(store.Files[0]);
        Assert.Multiple(() =>
        {
            Assert.That(store.HasSampleWeights, Is.False);
            Assert.That(read, Is.All.EqualTo(1));
            Assert.That(file.Tensors.Select(tensor => tensor.Name), Is.EquivalentTo(new[] { "latents", "labels" }));
        });
    }

    [Test]
    public void Writer_Resumes_ToTheSameBytes_AndRefusesAStoreOfTheOtherKind()
    {
        (float[] values, int[] labels, float[] weights) = Rows(30);
        Write(_folder["whole"], values, labels, weights, 8);
        using (LatentStoreWriter killed = LatentStoreWriter.Open(_folder["resumed"], s_info, 30, 8, hasSampleWeights: true))
            killed.Append(values.AsSpan(0, 13 * 3), labels.AsSpan(0, 13), weights.AsSpan(0, 13));
        using (LatentStoreWriter writer = LatentStoreWriter.Open(_folder["resumed"], s_info, 30, 8, hasSampleWeights: true))
        {
            Assert.That(writer.AppendedRows, Is.EqualTo(13), "the rows of the unfinished shard are kept, their weights too");
            writer.Append(values.AsSpan(13 * 3), labels.AsSpan(13), weights.AsSpan(13));
            writer.Complete();
        }

        Assert.Multiple(() =>
        {
            Assert.That(TemporaryFolder.Snapshot(_folder["resumed"]), Is.EqualTo(TemporaryFolder.Snapshot(_folder["whole"])));
            Assert.That(() => LatentStoreWriter.Open(_folder["whole"], s_info, 30, 8), Throws.TypeOf<DdoqException>().With.Message.Contain("belongs to another store: it has a tensor sample_weights"));
            Write(_folder["without"], values, labels, null, 8);
            Assert.That(() => LatentStoreWriter.Open(_folder["without"], s_info, 30, 8, hasSampleWeights: true), Throws.TypeOf<DdoqException>().With.Message.Contain("sample_weights"));
        });
    }

    [Test]
    public void Writer_RefusesBadWeights_AppendsNothing()
    {
        (float[] values, int[] labels, float[] weights) = Rows(10);
        using LatentStoreWriter writer = LatentStoreWriter.Open(_folder.Path, s_info, 10, 10, hasSampleWeights: true);
        weights[4] = float.NaN;
        Assert.Multiple(() =>
        {
            Assert.That(() => writer.Append(values, labels, weights), Throws.TypeOf<DdoqException>().With.Message.Contain($"row 4 (class {labels[4]} ").And.Message.Contain("sample weight NaN"));
            Assert.That(() => writer.Append(values, labels), Throws.TypeOf<DdoqException>().With.Message.Contain("0 sample weights for 10 rows"));
            Assert.That(writer.AppendedRows, Is.Zero);
        });
        using LatentStoreWriter without = LatentStoreWriter.Open(_folder["without"], s_info, 10, 10);
        Assert.That(() => without.Append(values, labels, weights), Throws.TypeOf<DdoqException>().With.Message.Contain("a store without sample weights"));
    }

    [TestCase(-1f, "-1")]
    [TestCase(float.NaN, "NaN")]
    [TestCase(float.NegativeInfinity, "-Infinity")]
    public void BadWeight_IsNamedByFileRowAndClass(float weight, string text)
    {
        // As another tool might write it: one file.
        string path = WriteFile([0, 1, 1, 0], [1, 2, weight, 1]);
        using LatentStore store = LatentStore.Open(path);
        store.ReadSampleWeights(0, new float[2]);
        Assert.Multiple(() =>
        {
            foreach (Action read in (Action[])[() => store.ReadSampleWeights(1, new float[2]), () => store.EnsureFinite()])
            {
                Assert.That(read, Throws.TypeOf<DdoqException>().With.Message.Contain("one.safetensors'")
                    .And.Message.Contain("row 2 (class 1 '1') has sample weight " + text));
            }
        });
    }

    [Test]
    public void WrongShapeOrType_IsRefused()
    {
        Assert.That(() => LatentStore.Open(WriteFile([0, 1, 1, 0], [1, 2, 3])), Throws.TypeOf<DdoqException>().With.Message.Contain("4 latents but 3 sample weights"));
        Assert.That(() => LatentStore.Open(WriteFile([0, 1, 1, 0], [1, 2, 3, 4], SafetensorsType.I32)), Throws.TypeOf<DdoqException>().With.Message.Contain("tensor sample_weights is I32"));
    }

    [Test]
    public void ShardsThatDisagree_AreRefused()
    {
        (float[] values, int[] labels, float[] weights) = Rows(16);
        Write(_folder["with"], values, labels, weights, 8);
        Write(_folder["without"], values, labels, null, 8);
        string second = "latents-00002-of-00002.safetensors";
        File.Copy(Path.Combine(_folder["without"], second), Path.Combine(_folder["with"], second), overwrite: true);
        Assert.That(() => LatentStore.Open(_folder["with"]), Throws.TypeOf<DdoqException>().With.Message.Contain(second).And.Message.Contain("tensor sample_weights is 'missing', the first shard has 'there'"));
    }

    [Test]
    public void SampleHash_DependsOnTheWeights()
    {
        (float[] values, int[] labels, float[] weights) = Rows(16);
        Write(_folder["a"], values, labels, weights, 8);
        weights[9] += 1;
        Write(_folder["b"], values, labels, weights, 8);
        using LatentStore a = LatentStore.Open(_folder["a"]), b = LatentStore.Open(_folder["b"]);
        Assert.That(a.ComputeSampleHash(), Is.Not.EqualTo(b.ComputeSampleHash()));
    }

    private static (float[] Values, int[] Labels, float[] Weights) Rows(int rows)
    {
        var random = new CounterRandom(6, (uint)rows);
        float[] values = new float[rows * 3];
        random.FillGaussian(values);
        return (values, [.. Enumerable.Range(0, rows).Select(_ => random.NextInt32(3))], [.. Enumerable.Range(0, rows).Select(_ => random.NextInt32(5) / 4f)]);
    }

    private static void Write(string folder, float[] values, int[] labels, float[]? weights, int rowsPerShard)
    {
        using LatentStoreWriter writer = LatentStoreWriter.Open(folder, s_info, labels.Length, rowsPerShard, weights is not null);
        writer.Append(values, labels, weights);
        writer.Complete();
    }

    private string WriteFile(int[] labels, float[] weights, SafetensorsType type = SafetensorsType.F32)
    {
        string path = _folder[$"{weights.Length}{type}-one.safetensors"];
        using SafetensorsWriter writer = SafetensorsWriter.Create(
            path,
            [("latents", SafetensorsType.F16, [labels.Length, 1, 2, 1]), ("labels", SafetensorsType.I32, [labels.Length]), ("sample_weights", type, [weights.Length])],
            new SortedDictionary<string, string>());
        writer.Append<Half>("latents", new Half[labels.Length * 2]);
        writer.Append<int>("labels", labels);
        if (type == SafetensorsType.F32)
            writer.Append<float>("sample_weights", weights);
        else
            writer.Append<int>("sample_weights", [.. weights.Select(weight => (int)weight)]);
        writer.Complete();
        return path;
    }
}
