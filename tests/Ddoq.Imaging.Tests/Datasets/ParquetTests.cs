using System.Globalization;
using System.Text.Json;
using ParquetSharp;
using ParquetSharp.Schema;

namespace Ddoq.Imaging.Tests;

/// <summary>Files that Arrow's C++ library writes, which is what Hugging Face's datasets writes with.</summary>
public sealed class ParquetTests
{
    private static readonly string[] s_names = ["tench, Tinca tinca", "English springer", "cassette player"];

    [TestCase(Compression.Snappy, true), TestCase(Compression.Uncompressed, false), TestCase(Compression.Zstd, true), TestCase(Compression.Gzip, false)]
    public void Cells_AreTheImagesThatWereWritten(Compression compression, bool dictionary)
    {
        using var folder = new TemporaryFolder();
        byte[][] images = Images(50);
        Write(folder["data/train-00000-of-00002.parquet"], images[..30], i => i % 3, rowsPerGroup: 7, compression, dictionary);
        Write(folder["data/train-00001-of-00002.parquet"], images[30..], i => (i + 30) % 3, rowsPerGroup: 100, compression, dictionary);
        for (int i = 0; i < images.Length; i++)
            File.WriteAllBytes(folder[$"files/x/{i:D2}.png"], images[i]);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train), files = ImageDatasets.Open(folder["files"], DatasetSplit.Unsplit);
        Assert.Multiple(() =>
        {
            Assert.That(dataset.ClassNames, Is.EqualTo(s_names));
            Assert.That(ImageNetTests.Labels(dataset), Is.EqualTo(Enumerable.Range(0, 50).Select(i => i % 3)));
            Assert.That(ImageNetTests.Pixels(dataset), Is.EqualTo(ImageNetTests.Pixels(files)));
            Assert.That(dataset.NameOf(0), Is.EqualTo("data/train-00000-of-00002.parquet row 0"));
            Assert.That(dataset.NameOf(47), Is.EqualTo("data/train-00001-of-00002.parquet row 17"));
        });
    }

    [TestCase(1), TestCase(2), TestCase(7)]
    public void BatchReader_DecodesEveryRowGroupOnce(int workers)
    {
        using var folder = new TemporaryFolder();
        Write(folder["train.parquet"], Images(97), i => i % 3, rowsPerGroup: 10);
        ParquetShard shard = ParquetShard.Read(folder["train.parquet"]);
        using var images = new ParquetImages(folder.Path, "", [shard], [.. Enumerable.Range(0, 97).Select(row => (0, row))]);
        using var dataset = new EncodedImageDataset(folder.Path, "parquet", images, new int[97], ["a"], ImageDatasetOptions.Default);
        int read = new ImageBatchReader(dataset, new ImageFit(8, 8), new() { BatchSize = 16, Workers = workers }).ReadAll().Sum(batch => batch.Count);
        Assert.That(read, Is.EqualTo(97));
        Assert.That(images.DecodedRowGroups, Is.EqualTo(10));
    }

    [Test]
    public void Cache_KeepsWhatFits_AndTheTwoLastInAnyCase()
    {
        using var folder = new TemporaryFolder();
        Write(folder["train.parquet"], Images(40), i => i % 3, rowsPerGroup: 10);
        ParquetShard shard = ParquetShard.Read(folder["train.parquet"]);
        var small = new RowGroupCache(1);
        var large = new RowGroupCache(1 << 20);
        foreach (int group in new[] { 0, 1, 0, 1, 2, 3, 0 })
        {
            Assert.That(small.Get(shard, group), Has.Length.EqualTo(10));
            large.Get(shard, group);
        }

        Assert.That(small.Decoded, Is.EqualTo(5));
        Assert.That(large.Decoded, Is.EqualTo(4));
    }

    [Test]
    public void Splits_HaveHuggingFacesNames_AndValidationComesBeforeTheUnlabelledTest()
    {
        using var folder = new TemporaryFolder();
        Write(folder["data/train-00000-of-00001.parquet"], Images(6), i => i % 3);
        Write(folder["data/validation-00000-of-00001.parquet"], Images(2), i => 2 - i);
        Write(folder["data/test-00000-of-00001.parquet"], Images(2), _ => -1);
        using (IImageDataset test = ImageDatasets.Open(folder.Path, DatasetSplit.Test))
        {
            Assert.That(ImageNetTests.Labels(test), Is.EqualTo(new[] { 2, 1 }));
            Assert.That(test.ClassNames, Is.EqualTo(s_names));
        }

        File.Delete(folder["data/validation-00000-of-00001.parquet"]);
        TestData.AssertMessage(Assert.Catch<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Test)), "test-00000-of-00001.parquet row 0", "no label");
    }

    [Test]
    public void NamesBesideTheShards_ComeFirst_AndSubsetsUseThem()
    {
        using var folder = new TemporaryFolder();
        Write(folder["data/train-00000-of-00001.parquet"], Images(6), i => i % 3);
        File.WriteAllText(folder["classnames.txt"], "n01440764\nn02102040\nn02979186\n");
        File.WriteAllText(folder["list"], "n02979186 cassette player\nn01440764 tench\n");
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train, new() { Classes = ClassSubset.Load(folder["list"]) });
        Assert.Multiple(() =>
        {
            Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "n01440764", "n02979186" }));
            Assert.That(ImageNetTests.Names(dataset).Select(name => name.Split(' ')[^1]), Is.EqualTo(new[] { "0", "2", "3", "5" }));
        });
        File.WriteAllText(folder["classnames.txt"], "n01440764\n");
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "1 names", "3 classes");
    }

    [Test]
    public void WithoutFeatures_UsualColumnNamesAndNumbersServe()
    {
        using var folder = new TemporaryFolder();
        Write(folder["0000.parquet"], Images(12), i => i, features: false);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(dataset.ClassNames, Is.EqualTo(Enumerable.Range(0, 12).Select(i => i.ToString("D2", CultureInfo.InvariantCulture))));
    }

    [Test]
    public void Damage_IsNamedByShardAndRow()
    {
        using var folder = new TemporaryFolder();
        byte[][] images = Images(20);
        images[4] = [];
        images[17] = images[17][..70];
        Write(folder["data/train-00003-of-00016.parquet"], images, i => i % 3, rowsPerGroup: 6);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        var reader = new ImageBatchReader(dataset, new ImageFit(8, 8), new() { Damage = DamagePolicy.Skip(2) });
        Assert.That(reader.ReadAll().Sum(batch => batch.Count), Is.EqualTo(18));
        Assert.That(reader.Damaged.Select(image => image.Name), Is.EqualTo(new[]
        {
            "data/train-00003-of-00016.parquet row 4", "data/train-00003-of-00016.parquet row 17",
        }));
    }

    [Test]
    public void MetadataOfAnImageFolder_IsNoShard()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["train/a/1.png"], TestData.Png(1));
        File.WriteAllBytes(folder["train/metadata.parquet"], [1, 2, 3]);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(ImageNetTests.Names(dataset), Is.EqualTo(new[] { "train/a/1.png" }));
    }

    [Test]
    public void BrokenFiles_AreNamed()
    {
        using var folder = new TemporaryFolder();
        string path = folder["train.parquet"];
        Write(path, Images(6), i => i % 3);
        byte[] whole = File.ReadAllBytes(path);
        DdoqException? Error() => Assert.Catch<DdoqException>(() =>
        {
            using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
            ImageNetTests.Pixels(dataset);
        });
        foreach (byte[] content in new[] { whole[..^20], whole[..100], TestData.RandomBytes(5000, 1) })
        {
            File.WriteAllBytes(path, content);
            TestData.AssertMessage(Error(), "train.parquet", "damaged");
        }

        File.WriteAllBytes(path, []);
        TestData.AssertMessage(Error(), "train.parquet", "is empty");

        // A text of 2 GiB in a footer of six bytes: nobody allocates it.
        File.WriteAllBytes(path, [.. "PAR1"u8, 0x68, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 6, 0, 0, 0, .. "PAR1"u8]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        TestData.AssertMessage(Error(), "train.parquet", "a length of 2147483647 where 0 bytes are left");

        // A number where a text belongs: the package would take it for the text's length.
        File.WriteAllBytes(path, [.. "PAR1"u8, 0x65, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0, 7, 0, 0, 0, .. "PAR1"u8]);
        TestData.AssertMessage(Error(), "train.parquet", "field 6 of a structure has the type 5");
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1 << 20));
        byte[] flipped = [.. whole];
        Array.Fill(flipped, (byte)0xAA, 40, 300);
        File.WriteAllBytes(path, flipped);
        Assert.That(Error()!.Message, Does.Contain("train.parquet"));

        File.WriteAllBytes(path, whole);
        Write(folder["train-2.parquet"], Images(6), i => i % 3, names: ["a", "b", "c"]);
        TestData.AssertMessage(Error(), "other class names");
        File.Delete(folder["train-2.parquet"]);
        Write(path, Images(6), i => i, features: true);
        TestData.AssertMessage(Error(), "train.parquet row 3", "label 3", "3 classes");
        using (var file = new ParquetFileWriter(path, [new Column<long>("other")]))
        {
            using RowGroupWriter group = file.AppendRowGroup();
            using LogicalColumnWriter<long> column = group.NextColumn().LogicalWriter<long>();
            column.WriteBatch([1, 2]);
        }

        TestData.AssertMessage(Error(), "no column of images", "other (Int64)");
    }

    internal static byte[][] Images(int count) => [.. Enumerable.Range(0, count).Select(i => TestData.Png((uint)(1000 + i)))];

    internal static void Write(
        string path,
        byte[][] images,
        Func<int, long> labelOf,
        int rowsPerGroup = 100,
        Compression compression = Compression.Snappy,
        bool dictionary = true,
        bool features = true,
        string[]? names = null)
    {
        using var image = new GroupNode("image", Repetition.Optional, [
            new PrimitiveNode("bytes", Repetition.Optional, LogicalType.None(), PhysicalType.ByteArray),
            new PrimitiveNode("path", Repetition.Optional, LogicalType.String(), PhysicalType.ByteArray)]);
        using var label = new PrimitiveNode("label", Repetition.Optional, LogicalType.None(), PhysicalType.Int64);
        using var schema = new GroupNode("schema", Repetition.Required, [image, label]);
        using WriterPropertiesBuilder builder = new();
        builder.Compression(compression);
        if (!dictionary)
            builder.DisableDictionary();
        using WriterProperties properties = builder.Build();
        string json = JsonSerializer.Serialize(new
        {
            info = new
            {
                features = new Dictionary<string, object> { ["image"] = new { _type = "Image" }, ["label"] = new { names = names ?? s_names, _type = "ClassLabel" } },
            },
        });
        var metadata = new Dictionary<string, string> { ["ARROW:schema"] = "AAAA" };
        if (features)
            metadata["huggingface"] = json;
        using var writer = new ParquetFileWriter(path, schema, properties, keyValueMetadata: metadata);
        for (int first = 0; first < images.Length; first += rowsPerGroup)
        {
            int count = Math.Min(rowsPerGroup, images.Length - first);
            using RowGroupWriter group = writer.AppendRowGroup();
            using (LogicalColumnWriter<Nested<byte[]>?> column = group.NextColumn().LogicalWriter<Nested<byte[]>?>())
                column.WriteBatch([.. images.Skip(first).Take(count).Select(content => (Nested<byte[]>?)new Nested<byte[]>(content))]);
            using (LogicalColumnWriter<Nested<string>?> column = group.NextColumn().LogicalWriter<Nested<string>?>())
                column.WriteBatch([.. Enumerable.Range(first, count).Select(i => (Nested<string>?)new Nested<string>($"{i}.png"))]);
            using (LogicalColumnWriter<long?> column = group.NextColumn().LogicalWriter<long?>())
                column.WriteBatch([.. Enumerable.Range(first, count).Select(i => (long?)labelOf(i))]);
        }
    }
}
