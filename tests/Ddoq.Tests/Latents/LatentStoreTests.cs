using Ddoq.Latents;
using Ddoq.Storage;
using Ddoq.Tests.Storage;
using static Ddoq.Tests.Latents.StoreFixture;

namespace Ddoq.Tests.Latents;

public class LatentStoreTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [TestCase(1, 1)]
    [TestCase(7, 7)]
    [TestCase(31, 8)]
    [TestCase(33, 16)]
    [TestCase(257, 100)]
    public void RoundTrip_MixedClasses(int rows, int rowsPerShard)
    {
        (Half[] values, int[] labels) = Rows(rows, Info);
        Write(_folder.Path, Info, values, labels, rowsPerShard);
        using LatentStore store = LatentStore.Open(_folder.Path);
        Assert.Multiple(() =>
        {
            Assert.That(store.Info with { ClassNames = [], Extra = Info.Extra }, Is.EqualTo(Info with { ClassNames = [] }).UsingPropertiesComparer());
            Assert.That(store.ClassNames, Is.EqualTo(Info.ClassNames));
            Assert.That(store.Info.Extra, Is.EqualTo(Info.Extra));
            Assert.That(store.Count, Is.EqualTo(rows));
            Assert.That(Labels(store), Is.EqualTo(labels));
            Assert.That(store.Files, Has.Count.EqualTo((rows + rowsPerShard - 1) / rowsPerShard));
        });
        AssertSame(store, Reference(Info, values, labels));
        Half[] row = new Half[6];
        for (int i = 0; i < rows; i++)
        {
            store.ReadRow(i, row);
            Assert.That(row, Is.EqualTo(values[(i * 6)..((i + 1) * 6)]));
        }
    }

    [Test]
    public void TryGetRows_ContiguousWithinAShard_IsInPlace_OtherwiseFalse()
    {
        // Class 0 lies in shard 1, class 1 crosses into shard 2, class 2 lies in shard 2.
        int[] labels = [0, 0, 0, 1, 1, 1, 2, 2];
        (Half[] values, _) = Rows(8, Info);
        Write(_folder.Path, Info, values, labels, 4);
        using LatentStore store = LatentStore.Open(_folder.Path);
        Assert.Multiple(() =>
        {
            Assert.That(store.TryGetRows(0, out ReadOnlySpan<Half> first));
            Assert.That(first.ToArray(), Is.EqualTo(values[..18]));
            Assert.That(store.TryGetRows(1, out _), Is.False);
            Assert.That(store.TryGetRows(2, out ReadOnlySpan<Half> last));
            Assert.That(last.ToArray(), Is.EqualTo(values[36..]));
            Assert.That(store.TryGetRows(0, out ReadOnlySpan<Half> again) && Unsafe(again) == Unsafe(first), "no copy");
        });
    }

    [Test]
    public void Write_ShardsAreAligned_EvenWithAnOddNumberOfValues()
    {
        LatentStoreInfo odd = Info with { Shape = new LatentShape(1, 7, 7) };
        (Half[] values, int[] labels) = Rows(8, odd);
        Write(_folder.Path, odd, values, labels, 5);
        foreach (string path in Directory.GetFiles(_folder.Path, "*.safetensors"))
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            long dataStart = file.Length - file.Tensors.Sum(t => t.ByteLength);
            Assert.That(dataStart % 64, Is.Zero);
            foreach (SafetensorsTensor tensor in file.Tensors)
                Assert.That(tensor.Offset % SafetensorsTensor.ElementSize(tensor.Type), Is.Zero, path);
        }

        using LatentStore store = LatentStore.Open(_folder.Path);
        AssertSame(store, Reference(odd, values, labels));
    }

    [Test]
    public void Read_NotFiniteValue_NamesFileRowAndClass()
    {
        (Half[] values, int[] labels) = Rows(20, Info);
        labels[13] = 1;
        Write(_folder.Path, Info, values, labels, 10);
        string second = _folder["latents-00002-of-00002.safetensors"];
        byte[] bytes = File.ReadAllBytes(second);
        int data = 8 + (int)BitConverter.ToInt64(bytes);
        BitConverter.TryWriteBytes(bytes.AsSpan(data + (((3 * 6) + 5) * 2)), Half.NegativeInfinity);
        File.WriteAllBytes(second, bytes);
        using LatentStore store = LatentStore.Open(_folder.Path);
        const string Expected = "latents-00002-of-00002.safetensors': row 3 (class 1 'goldfish, Carassius auratus') holds -Infinity at value 5";
        Half[] buffer = new Half[6], all = new Half[6 * store.RowCount(1)];
        Assert.Multiple(() =>
        {
            Assert.That(() => store.ReadRows(1, 0, all), Throws.InstanceOf<DdoqException>().With.Message.Contain(Expected));
            Assert.That(() => store.ReadRow(13, buffer), Throws.InstanceOf<DdoqException>().With.Message.Contain(Expected));
            Assert.That(() => store.EnsureFinite(), Throws.InstanceOf<DdoqException>().With.Message.Contain(Expected));
            Assert.That(() => store.ReadRows(0, 0, buffer), Throws.Nothing);
            Assert.That(() => store.ReadRow(12, buffer), Throws.Nothing);
        });
    }

    [Test]
    public void ReadRows_BadArguments_AreRefused()
    {
        (Half[] values, int[] labels) = Rows(20, Info);
        Write(_folder.Path, Info, values, labels, 10);
        using LatentStore store = LatentStore.Open(_folder.Path);
        int n = store.RowCount(1);
        Assert.Multiple(() =>
        {
            Assert.That(() => store.RowCount(3), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => store.RowCount(-1), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => store.ReadRows(1, n, new Half[6]), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => store.ReadRows(1, -1, new Half[6]), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => store.ReadRows(1, 0, new Half[7]), Throws.ArgumentException);
            Assert.That(() => store.ReadRow(20, new Half[6]), Throws.InstanceOf<ArgumentOutOfRangeException>());
            Assert.That(() => store.ReadRow(0, new Half[5]), Throws.ArgumentException);
            Assert.That(() => store.ReadRows(1, n, Span<Half>.Empty), Throws.Nothing);
        });
    }

    [Test]
    public void Open_SingleFileOfAnotherTool_NoMetadata_WideLabels()
    {
        // What a short Python script would save: no metadata at all, labels as 64-bit integers.
        string path = _folder["latents.safetensors"];
        using (SafetensorsWriter writer = SafetensorsWriter.Create(path, [("labels", SafetensorsType.I64, [3]), ("latents", SafetensorsType.F16, [3, 1, 1, 2])]))
        {
            writer.Append<long>("labels", [10, 2, 10]);
            writer.Append<Half>("latents", [(Half)1, (Half)2, (Half)3, (Half)4, (Half)5, (Half)6]);
            writer.Complete();
        }

        foreach (string given in (string[])[_folder.Path, path])
        {
            using LatentStore store = LatentStore.Open(given);
            Half[] rows = new Half[4];
            store.ReadRows(10, 0, rows);
            Assert.Multiple(() =>
            {
                Assert.That(store.ClassNames, Has.Count.EqualTo(11).And.ItemAt(2).EqualTo("02"));
                Assert.That(store.RowCount(0), Is.Zero);
                Assert.That(store.TryGetRows(0, out ReadOnlySpan<Half> none) && none.IsEmpty);
                Assert.That(rows, Is.EqualTo(new[] { (Half)1, (Half)2, (Half)5, (Half)6 }));
                Assert.That(store.Info.ScalingFactor, Is.Null);
                Assert.That(store.Info.Kind, Is.Null);
            });
        }
    }

    [Test]
    public void Open_ShardsListedInAnotherOrder_FollowTheList()
    {
        (Half[] values, int[] labels) = Rows(25, Info);
        Write(_folder.Path, Info, values, labels, 10);
        string index = _folder["latents.safetensors.index.json"];
        File.WriteAllText(index, """{"shards":[{"file":"latents-00003-of-00003.safetensors"},{"file":"latents-00001-of-00003.safetensors","rows":10},{"file":"latents-00002-of-00003.safetensors"}]}""");
        using (LatentStore store = LatentStore.Open(_folder.Path))
            AssertSame(store, Reference(Info, [.. values[(20 * 6)..], .. values[..(20 * 6)]], [.. labels[20..], .. labels[..20]]));

        // Without a list of shards the files of weight_map count, in order of their names.
        File.WriteAllText(index, """{"weight_map":{"b":"latents-00002-of-00003.safetensors","c":"latents-00001-of-00003.safetensors","a":"latents-00003-of-00003.safetensors","z":"latents-00001-of-00003.safetensors"}}""");
        using (LatentStore store = LatentStore.Open(index))
            AssertSame(store, Reference(Info, values, labels));
    }

    [TestCase("""{"shards":[]}""", "names no shards")]
    [TestCase("""{}""", "neither shards nor weight_map")]
    [TestCase("""{"shards":[{"file":"../x"}]}""", "'../x', allowed is a file within the folder")]
    [TestCase("""{"shards":[{"file":"/etc/passwd"}]}""", "allowed is a file within the folder")]
    [TestCase("""{"shards":[null]}""", "names 'nothing'")]
    [TestCase("""{"shards":[{"file":"latents-00001-of-00001.safetensors"},{"file":"latents-00001-of-00001.safetensors"}]}""", "is named twice")]
    [TestCase("""{"shards":[{"file":"absent.safetensors"}]}""", "absent.safetensors' is missing")]
    [TestCase("""{"shards":[{"file":"latents-00001-of-00001.safetensors","rows":11}]}""", "10 rows, the index says 11")]
    [TestCase("""{"shards":[""", "not valid JSON")]
    public void Open_WrongIndex_IsNamed(string json, string expected)
    {
        (Half[] values, int[] labels) = Rows(10, Info);
        Write(_folder.Path, Info, values, labels, 10);
        File.WriteAllText(_folder["latents.safetensors.index.json"], json);
        Assert.That(() => LatentStore.Open(_folder.Path), Throws.InstanceOf<DdoqException>().With.Message.Contain(expected));
    }

    [Test]
    public void Open_MissingOrUnlikeShards_AreNamed()
    {
        (Half[] values, int[] labels) = Rows(20, Info);
        Write(_folder["a"], Info, values, labels, 10);
        Write(_folder["b"], Info with { ScalingFactor = 0.5 }, values, labels, 10);
        Write(_folder["c"], Info with { Shape = new LatentShape(6, 1, 1) }, values, labels, 10);
        string second = _folder["a", "latents-00002-of-00002.safetensors"];
        File.Copy(_folder["b", Path.GetFileName(second)], second, overwrite: true);
        Assert.That(() => LatentStore.Open(_folder["a"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("metadata 'scaling_factor' is '0.5', the first shard has '0.18215'"));
        File.Copy(_folder["c", Path.GetFileName(second)], second, overwrite: true);
        Assert.That(() => LatentStore.Open(_folder["a"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("latents is '6x1x1', the first shard has '3x2x1'"));
        File.Delete(second);
        Assert.That(() => LatentStore.Open(_folder["a"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("is missing"));
        Assert.That(() => LatentStore.Open(_folder["absent"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("no such file"));
        Assert.That(() => LatentStore.Open(_folder.Path), Throws.InstanceOf<DdoqException>().With.Message.Contain("no latent store"));
    }

    [Test]
    public void Open_ForeignTensors_AreNamed()
    {
        string path = _folder["x.safetensors"];
        void Write(SafetensorsType latents, long[] shape, SafetensorsType labels, long[] labelShape, params byte[] labelBytes)
        {
            // Bytes as they come: only the declaration matters, so all tensors are written through U8 of equal length.
            using SafetensorsWriter writer = SafetensorsWriter.Create(path, [("latents", latents, shape), ("labels", labels, labelShape)]);
            if (latents == SafetensorsType.F16)
                writer.Append<Half>("latents", new Half[shape.Aggregate(1L, (a, b) => a * b)]);
            else
                writer.Append<long>("latents", new long[shape.Aggregate(1L, (a, b) => a * b)]);
            writer.Append<int>("labels", System.Runtime.InteropServices.MemoryMarshal.Cast<byte, int>(labelBytes));
            writer.Complete();
        }

        Write(SafetensorsType.I64, [2, 1, 1, 1], SafetensorsType.I32, [2], new byte[8]);
        Assert.That(() => LatentStore.Open(path), Throws.InstanceOf<DdoqException>().With.Message.Contain("tensor latents is I64 [2, 1, 1, 1]"));
        Write(SafetensorsType.F16, [2, 2], SafetensorsType.I32, [2], new byte[8]);
        Assert.That(() => LatentStore.Open(path), Throws.InstanceOf<DdoqException>().With.Message.Contain("tensor latents is F16 [2, 2]"));
        Write(SafetensorsType.F16, [2, 1, 0, 1], SafetensorsType.I32, [2], new byte[8]);
        Assert.That(() => LatentStore.Open(path), Throws.InstanceOf<DdoqException>().With.Message.Contain("a latent of 1x0x1"));
        Write(SafetensorsType.F16, [2, 1, 1, 1], SafetensorsType.I32, [1], new byte[4]);
        Assert.That(() => LatentStore.Open(path), Throws.InstanceOf<DdoqException>().With.Message.Contain("2 latents but 1 labels"));
        Write(SafetensorsType.F16, [2, 1, 1, 1], SafetensorsType.I32, [2], 0, 0, 0, 0, 255, 255, 255, 255);
        Assert.That(() => LatentStore.Open(path), Throws.InstanceOf<DdoqException>().With.Message.Contain("row 1 has label -1"));
        Write(SafetensorsType.F16, [0, 1, 1, 1], SafetensorsType.I32, [0]);
        Assert.That(() => LatentStore.Open(path), Throws.InstanceOf<DdoqException>().With.Message.Contain("no rows"));
    }

    [Test]
    public void Open_LabelBeyondTheClassList_NamesShardAndRow()
    {
        var metadata = new Dictionary<string, string> { ["class_names"] = "[\"a\",\"b\"]" };
        foreach ((string name, int label) in ((string, int)[])[("a", 1), ("b", 2)])
        {
            using SafetensorsWriter writer = SafetensorsWriter.Create(_folder[name], [("latents", SafetensorsType.F16, [2, 1, 1, 2]), ("labels", SafetensorsType.I32, [2])], metadata);
            writer.Append<Half>("latents", new Half[4]);
            writer.Append<int>("labels", [0, label]);
            writer.Complete();
        }

        File.WriteAllText(_folder["latents.safetensors.index.json"], """{"shards":[{"file":"a"},{"file":"b"}]}""");
        Assert.That(() => LatentStore.Open(_folder.Path), Throws.InstanceOf<DdoqException>().With.Message.Contain("b': row 1 has label 2, allowed are 0 to 1"));
    }

    [Test]
    public void Open_StoreDamagedAtRandom_IsAnErrorOrReadable_NeverAnythingElse()
    {
        (Half[] values, int[] labels) = Rows(12, Info);
        Write(_folder.Path, Info, values, labels, 6);
        string[] targets = [_folder["latents-00002-of-00002.safetensors"], _folder["latents.safetensors.index.json"]];
        foreach (string target in targets)
        {
            byte[] whole = File.ReadAllBytes(target);
            int header = target.EndsWith(".json", StringComparison.Ordinal) ? whole.Length : 8 + (int)BitConverter.ToInt64(whole);
            int refused = 0;
            for (uint variant = 0; variant < 1500; variant++)
            {
                File.WriteAllBytes(target, SafetensorsTests.Damage(whole, header, variant));
                try
                {
                    using LatentStore store = LatentStore.Open(_folder.Path);
                    store.EnsureFinite();
                }
                catch (DdoqException)
                {
                    refused++;
                }
                catch (Exception e)
                {
                    Assert.Fail($"{target}, variant {variant}: {e}");
                }
            }

            Assert.That(refused, Is.InRange(300, 1499), target);
            File.WriteAllBytes(target, whole);
        }
    }

    [Test]
    public void Read_FromManyThreads_IsTheSame()
    {
        (Half[] values, int[] labels) = Rows(443, Info);
        Write(_folder.Path, Info, values, labels, 50);
        using LatentStore store = LatentStore.Open(_folder.Path);
        InMemoryLatents reference = Reference(Info, values, labels);
        Parallel.For(0, 32, i => AssertSameClass(store, reference, i % 3));
    }

    private static int[] Labels(LatentStore store)
    {
        var labels = new int[store.Count];
        store.ReadLabels(0, labels);
        return labels;
    }

    private static unsafe nint Unsafe(ReadOnlySpan<Half> span)
    {
        fixed (Half* pointer = span)
            return (nint)pointer;
    }
}
