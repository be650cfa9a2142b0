using System.Globalization;
using ParquetSharp;
using ParquetSharp.Schema;

namespace Ddoq.Imaging.Tests;

/// <summary>Labels that are not what they look like are refused, or read for what they say.</summary>
public sealed class SampleLabelTests
{
    [TestCase("-1", "no label (-1)"), TestCase("2000000000", "label 2000000000", "only 2 samples"), TestCase("0.5", "'0.5'", "no whole number")]
    [TestCase("1.0", "'1.0'", "no whole number"), TestCase("99999999999999999999", "'99999999999999999999'", "no whole number"), TestCase("2", "label 2", "only 2 samples")]
    [CancelAfter(20_000)]
    public void Shards_RefuseWhatIsNoLabel(string label, params string[] words)
    {
        using var folder = new TemporaryFolder();
        foreach (string extension in new[] { "cls", "json" })
        {
            string text = extension == "json" ? $"{{\"label\": {label}}}" : label;
            Shard(folder["train-0.tar"], ("a.cls", "0"), ($"b.{extension}", text));
            TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), ["train-0.tar:b.png", .. words]);
        }
    }

    [Test]
    public void ByteOrderMarks_AreNoPartOfALabel()
    {
        using var folder = new TemporaryFolder();
        Shard(folder["train-0.tar"], [.. Enumerable.Range(0, 11).Select(i => ($"{i:D2}.{(i % 2 == 0 ? "cls" : "json")}", i % 2 == 0 ? $"\uFEFF{i}\r\n" : $"\uFEFF{{\"label\": {i}}}"))]);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(ImageNetTests.Labels(dataset), Is.EqualTo(Enumerable.Range(0, 11)));
        Assert.That(dataset.ClassNames[10], Is.EqualTo("10"));
    }

    [Test]
    public void Captions_AreNoClasses_UnlessTheyAreListed()
    {
        using var folder = new TemporaryFolder();
        Shard(folder["train-0.tar"], [.. Enumerable.Range(0, 12).Select(i => ($"{i:D2}.txt", $"a photo of number {i:D2}"))]);
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "12 samples", "12 different labels", "captions");
        File.WriteAllLines(folder["classnames.txt"], Enumerable.Range(0, 12).Select(i => $"a photo of number {i:D2}"));
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(dataset.ClassNames, Has.Count.EqualTo(12));
    }

    [Test]
    public void TwoLabelsOfASample_MustAgree()
    {
        using var folder = new TemporaryFolder();
        byte[] png = TestData.Png(1);
        byte[] zero = "0"u8.ToArray();
        ImageNetTests.Tar(folder["train-0.tar"], ("a.png", png), ("a.cls", zero), ("a.json", "{\"label\": 3}"u8.ToArray()));
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "sample a", "0 in a.cls", "3 in a.json");
        ImageNetTests.Tar(folder["train-0.tar"], ("a.png", png), ("a.cls", zero), ("a.cls", zero));
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "sample a", "two members");

        // A caption beside the number is no second label.
        ImageNetTests.Tar(folder["train-0.tar"], ("a.png", png), ("a.cls", zero), ("a.json", "{\"label\": 0}"u8.ToArray()), ("a.txt", "a dog"u8.ToArray()));
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(ImageNetTests.Labels(dataset), Is.EqualTo(new[] { 0 }));
    }

    [Test]
    public void Parquet_ReadsEveryWholeNumber()
    {
        Check<sbyte>(LogicalType.Int(8, true), PhysicalType.Int32, i => (sbyte)i);
        Check<byte>(LogicalType.Int(8, false), PhysicalType.Int32, i => (byte)i);
        Check<short>(LogicalType.Int(16, true), PhysicalType.Int32, i => (short)i);
        Check<ushort>(LogicalType.Int(16, false), PhysicalType.Int32, i => (ushort)i);
        Check<uint>(LogicalType.Int(32, false), PhysicalType.Int32, i => (uint)i);
        Check<ulong>(LogicalType.Int(64, false), PhysicalType.Int64, i => (ulong)i);
        Check<bool>(LogicalType.None(), PhysicalType.Boolean, i => i > 0);

        static void Check<T>(LogicalType type, PhysicalType stored, Func<int, T> of)
        {
            using var folder = new TemporaryFolder();
            Write(folder["train-0.parquet"], type, stored, ParquetTests.Images(2), [of(0), of(1)]);
            using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
            Assert.That(ImageNetTests.Labels(dataset), Is.EqualTo(new[] { 0, 1 }), typeof(T).Name);
        }
    }

    [Test]
    public void Parquet_NamesTheRowOfAWrongLabel()
    {
        foreach ((long label, string words) in new[] { (4294967296L, "label 4294967296"), (2_000_000_000L, "label 2000000000"), (-1L, "no label (-1)") })
        {
            using var folder = new TemporaryFolder();
            Write(folder["train-0.parquet"], LogicalType.None(), PhysicalType.Int64, ParquetTests.Images(2), [0L, label]);
            TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "train-0.parquet row 1", words);
        }
    }

    [Test]
    public void Parquet_WithoutRowsOrWithPathsAlone_SaysSo()
    {
        using TemporaryFolder empty = new(), paths = new();
        ParquetTests.Write(empty["train-0.parquet"], [], _ => 0);
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(empty.Path, DatasetSplit.Train)), "no rows", "train-0.parquet");
        byte[][] images = ParquetTests.Images(3);
        ParquetTests.Write(paths["train-0.parquet"], [images[0], null!, images[2]], i => i);
        using IImageDataset dataset = ImageDatasets.Open(paths.Path, DatasetSplit.Train);
        TestData.AssertMessage(Assert.Throws<DamagedImageException>(() => ImageNetTests.Pixels(dataset, 1)), "train-0.parquet row 1", "the path of a file elsewhere");
        ParquetTests.Write(paths["train-0.parquet"], images, i => i);
        using IImageDataset whole = ImageDatasets.Open(paths.Path, DatasetSplit.Train);
        Assert.That(ImageNetTests.Pixels(dataset, 2), Is.EqualTo(ImageNetTests.Pixels(whole, 2)));
    }

    [Test]
    public void Parquet_TakesNullForNoLabel()
    {
        using var folder = new TemporaryFolder();
        byte[][] images = ParquetTests.Images(3);
        Write<long?>(folder["train-0.parquet"], LogicalType.None(), PhysicalType.Int64, images, [0, 1, null], Repetition.Optional);
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "train-0.parquet row 2", "no label (null)");
        Write<string?>(folder["train-0.parquet"], LogicalType.String(), PhysicalType.ByteArray, images, ["a", null, "b"], Repetition.Optional);
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "train-0.parquet row 1", "no label (null)");
    }

    private static void Write<T>(string path, LogicalType type, PhysicalType stored, byte[][] images, T[] labels, Repetition repetition = Repetition.Required)
    {
        using var image = new PrimitiveNode("image", Repetition.Required, LogicalType.None(), PhysicalType.ByteArray);
        using var label = new PrimitiveNode("label", repetition, type, stored);
        using var schema = new GroupNode("schema", Repetition.Required, [image, label]);
        using WriterPropertiesBuilder builder = new();
        using WriterProperties properties = builder.Build();
        using var writer = new ParquetFileWriter(path, schema, properties);
        using RowGroupWriter group = writer.AppendRowGroup();
        using (LogicalColumnWriter<byte[]> column = group.NextColumn().LogicalWriter<byte[]>())
            column.WriteBatch(images);
        using (LogicalColumnWriter<T> column = group.NextColumn().LogicalWriter<T>())
            column.WriteBatch(labels);
    }

    private static void Shard(string path, params (string Label, string Text)[] samples) => ImageNetTests.Tar(
        path,
        [.. samples.SelectMany(sample => new (string, byte[])[]
        {
            (Path.GetFileNameWithoutExtension(sample.Label) + ".png", TestData.Png(uint.Parse($"{sample.Label[0] % 32}", CultureInfo.InvariantCulture))),
            (sample.Label, System.Text.Encoding.UTF8.GetBytes(sample.Text)),
        })]);
}
