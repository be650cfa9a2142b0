using Ddoq.Latents;
using Ddoq.Tests.Storage;
using static Ddoq.Tests.Latents.StoreFixture;

namespace Ddoq.Tests.Latents;

public class LatentStoreWriterTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [TestCase(0)]
    [TestCase(9)]
    [TestCase(10)]
    [TestCase(29)]
    [TestCase(30)]
    public void Writer_KilledAnywhere_ResumesToTheSameBytes(int killedAfter)
    {
        (Half[] values, int[] labels) = Rows(33, Info);
        Write(_folder["whole"], Info, values, labels, 10);

        string path = _folder["resumed"];
        LatentStoreWriter killed = LatentStoreWriter.Open(path, Info, 33, 10);
        for (int i = 0; i < killedAfter; i++)
            killed.Append(values.AsSpan(i * 6, 6), labels.AsSpan(i, 1));

        // What a killed process leaves: whole shards and a temporary file that nobody holds.
        if (killed.AppendedRows > killed.CompletedRows)
        {
            string partial = Directory.GetFiles(path, ".*.partial").Single();
            killed.Dispose();
            File.WriteAllText(partial, "half a shard");
        }

        using LatentStoreWriter writer = LatentStoreWriter.Open(path, Info, 33, 10);
        Assert.That((writer.CompletedRows, writer.AppendedRows), Is.EqualTo((killedAfter / 10 * 10, killedAfter)));
        Assert.That(() => LatentStore.Open(path), Throws.InstanceOf<DdoqException>());
        writer.Append(values.AsSpan(killedAfter * 6), labels.AsSpan(killedAfter));
        writer.Complete();
        Assert.That(TemporaryFolder.Snapshot(path), Is.EqualTo(TemporaryFolder.Snapshot(_folder["whole"])));
    }

    // Shards of 10: none, one, several, all of a shard, and the last rows are skipped.
    [TestCase(new int[0]), TestCase(new[] { 0 }), TestCase(new[] { 9, 10, 19 }), TestCase(new[] { 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 }), TestCase(new[] { 31, 32 })]
    public void Writer_SkippedRows_AreGone_HoweverOftenItWasInterrupted(int[] skipped)
    {
        (Half[] values, int[] labels) = Rows(33, Info);
        foreach (int interruptions in new[] { 0, 3 })
        {
            string path = _folder[$"interrupted-{interruptions}"];
            for (int run = 0; run <= interruptions; run++)
            {
                using LatentStoreWriter writer = LatentStoreWriter.Open(path, Info, 33, 10);
                Assert.That(writer.SkippedRows, Is.EqualTo(skipped.Where(row => row < writer.AppendedRows)));
                int end = run == interruptions ? 33 : 11 * (run + 1);
                while (writer.AppendedRows < end)
                {
                    int row = writer.AppendedRows;
                    if (skipped.Contains(row))
                        writer.Skip();
                    else
                        writer.Append(values.AsSpan(row * 6, 6), labels.AsSpan(row, 1));
                }

                if (run < interruptions)
                    continue;
                Assert.That(writer.Skip, Throws.ArgumentException);
                writer.Complete();
            }
        }

        Assert.That(TemporaryFolder.Snapshot(_folder["interrupted-3"]), Is.EqualTo(TemporaryFolder.Snapshot(_folder["interrupted-0"])));
        int[] kept = [.. Enumerable.Range(0, 33).Except(skipped)];
        using LatentStore store = LatentStore.Open(_folder["interrupted-0"]);
        Assert.That(store.Count, Is.EqualTo(kept.Length));
        var row6 = new Half[6];
        int[] label = new int[1];
        for (int i = 0; i < kept.Length; i++)
        {
            store.ReadRow(i, row6);
            store.ReadLabels(i, label);
            Assert.That(row6, Is.EqualTo(values[(kept[i] * 6)..(kept[i] * 6 + 6)]));
            Assert.That(label[0], Is.EqualTo(labels[kept[i]]));
        }
    }

    // 4 appends of a row (4 + 4 + 12 + 8 bytes each) stand behind the 32 bytes of the header.
    [TestCase(32 + (4 * 28) - 1, -1, 3, Description = "a record cut off")]
    [TestCase(32 + (4 * 28), 32 + 28 + 10, 1, Description = "a record with a byte that was never written")]
    [TestCase(32 + (4 * 28), 5, 0, Description = "another store's header")]
    public void Writer_DamagedRowsOfTheUnfinishedShard_AreWrittenAgain(int length, int changed, int kept)
    {
        (Half[] values, int[] labels) = Rows(33, Info);
        Write(_folder["whole"], Info, values, labels, 10);
        string path = _folder["resumed"], file = UnfinishedShard.PathOf(Path.Combine(path, LatentIndex.ShardFileName(1, 4)));
        using (LatentStoreWriter killed = LatentStoreWriter.Open(path, Info, 33, 10))
        {
            for (int i = 0; i < 4; i++)
                killed.Append(values.AsSpan(i * 6, 6), labels.AsSpan(i, 1));
        }

        byte[] bytes = File.ReadAllBytes(file);
        Assert.That(bytes, Has.Length.EqualTo(32 + (4 * 28)));
        if (changed >= 0)
            bytes[changed] ^= 1;
        File.WriteAllBytes(file, bytes[..length]);
        using LatentStoreWriter writer = LatentStoreWriter.Open(path, Info, 33, 10);
        Assert.That(writer.AppendedRows, Is.EqualTo(kept));
        writer.Append(values.AsSpan(kept * 6), labels.AsSpan(kept));
        writer.Complete();
        Assert.That(TemporaryFolder.Snapshot(path), Is.EqualTo(TemporaryFolder.Snapshot(_folder["whole"])));
    }

    [Test]
    public void Writer_RowsBesideTheirWholeShard_GoAtTheNextRun()
    {
        (Half[] values, int[] labels) = Rows(33, Info);
        Write(_folder["whole"], Info, values, labels, 10);
        string path = _folder["killed"], file = UnfinishedShard.PathOf(Path.Combine(path, LatentIndex.ShardFileName(1, 4)));
        byte[] kept;
        using (LatentStoreWriter killed = LatentStoreWriter.Open(path, Info, 33, 10))
        {
            killed.Append(values.AsSpan(0, 6 * 6), labels.AsSpan(0, 6));
        }

        kept = File.ReadAllBytes(file);
        using (LatentStoreWriter killed = LatentStoreWriter.Open(path, Info, 33, 10))
        {
            killed.Append(values.AsSpan(6 * 6, 6 * 6), labels.AsSpan(6, 6));
        }

        // As a kill leaves it that comes after the shard has its name and before the rows beside it are removed.
        File.WriteAllBytes(file, kept);
        using LatentStoreWriter writer = LatentStoreWriter.Open(path, Info, 33, 10);
        Assert.That(writer.AppendedRows, Is.EqualTo(12));
        writer.Append(values.AsSpan(12 * 6), labels.AsSpan(12));
        writer.Complete();
        Assert.That(TemporaryFolder.Snapshot(path), Is.EqualTo(TemporaryFolder.Snapshot(_folder["whole"])));
    }

    [Test]
    public void Writer_DamagedShard_IsWrittenAgain()
    {
        (Half[] values, int[] labels) = Rows(30, Info);
        Write(_folder.Path, Info, values, labels, 10);
        string second = _folder["latents-00002-of-00003.safetensors"];
        File.WriteAllBytes(second, File.ReadAllBytes(second)[..^1]);
        Assert.That(() => LatentStore.Open(_folder.Path), Throws.InstanceOf<DdoqException>().With.Message.Contain("latents-00002-of-00003.safetensors").And.Message.Contain("cut off"));
        using LatentStoreWriter writer = LatentStoreWriter.Open(_folder.Path, Info, 30, 10);
        Assert.That(writer.CompletedRows, Is.EqualTo(10));
    }

    [Test]
    public void Writer_OtherStoreInTheFolder_IsRefused()
    {
        (Half[] values, int[] labels) = Rows(30, Info);
        Write(_folder.Path, Info, values, labels, 10);
        Assert.Multiple(() =>
        {
            Assert.That(() => LatentStoreWriter.Open(_folder.Path, Info, 30, 15), Throws.InstanceOf<DdoqException>().With.Message.Contain("latents-00001-of-00003.safetensors"));
            Assert.That(() => LatentStoreWriter.Open(_folder.Path, Info, 29, 10), Throws.InstanceOf<DdoqException>().With.Message.Contain("total_rows is '30', this run has '29'"));
            Assert.That(() => LatentStoreWriter.Open(_folder.Path, Info with { ScalingFactor = 1 }, 30, 10), Throws.InstanceOf<DdoqException>().With.Message.Contain("scaling_factor is '0.18215', this run has '1'"));
            Assert.That(() => LatentStoreWriter.Open(_folder.Path, Info with { Shape = new LatentShape(6, 1, 1) }, 30, 10), Throws.InstanceOf<DdoqException>().With.Message.Contain("F16 [10, 3, 2, 1], this run has F16 [10, 6, 1, 1]"));
        });
    }

    [TestCase(float.NaN, "NaN")]
    [TestCase(float.PositiveInfinity, "Infinity")]
    [TestCase(-70000f, "-70000")]
    [TestCase(65520f, "65520")]
    public void Append_NotFiniteOrBeyondHalf_IsRefused_NothingAppended(float value, string shown)
    {
        using LatentStoreWriter writer = LatentStoreWriter.Open(_folder.Path, Info, 10, 10);
        writer.Append(new float[12], [0, 0]);
        float[] rows = new float[18];
        rows[6 + 4] = value;
        var error = Assert.Throws<DdoqException>(() => writer.Append(rows, [0, 1, 2]))!;
        Assert.Multiple(() =>
        {
            Assert.That(error.Message, Does.Contain($"row 3 (class 1 'goldfish, Carassius auratus') holds {shown} at value 4"));
            Assert.That(writer.AppendedRows, Is.EqualTo(2));
            Assert.That(() => writer.Append([Half.NaN, default, default, default, default, default], [0]), Throws.InstanceOf<DdoqException>());
            Assert.That(() => writer.Append(new float[] { 65519f, 65504f, -65519f, 0, 0, 0 }, [0]), Throws.Nothing);
        });
    }

    [Test]
    public void Append_WrongLabelsOrLengths_AreRefused()
    {
        using LatentStoreWriter writer = LatentStoreWriter.Open(_folder.Path, Info, 2, 10);
        Assert.Multiple(() =>
        {
            Assert.That(() => writer.Append(new float[6], [3]), Throws.InstanceOf<DdoqException>().With.Message.Contain("row 0 has label 3, allowed are 0 to 2"));
            Assert.That(() => writer.Append(new float[6], [-1]), Throws.InstanceOf<DdoqException>());
            Assert.That(() => writer.Append(new float[7], [0]), Throws.InstanceOf<DdoqException>().With.Message.Contain("7 values for 1 labels"));
            Assert.That(() => writer.Append(new float[18], [0, 0, 0]), Throws.ArgumentException);
            Assert.That(writer.Complete, Throws.InvalidOperationException);
            Assert.That(() => LatentStoreWriter.Open(_folder["n"], Info, 0, 1), Throws.InstanceOf<DdoqException>().With.Message.Contain("0 rows"));
            Assert.That(() => LatentStoreWriter.Open(_folder["n"], Info with { ClassNames = ["a", "a"] }, 1, 1), Throws.InstanceOf<DdoqException>().With.Message.Contain("both named 'a'"));
            Assert.That(() => LatentStoreWriter.Open(_folder["n"], Info with { Shape = new LatentShape(1 << 20, 1 << 20, 1 << 20) }, 1, 1), Throws.InstanceOf<DdoqException>());
            Assert.That(() => LatentStoreWriter.Open(_folder["n"], Info with { Extra = new Dictionary<string, string> { ["class_names"] = "" } }, 1, 1), Throws.InstanceOf<DdoqException>());
        });
    }
}
