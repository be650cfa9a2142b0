using System.Globalization;
using System.Text;

namespace Ddoq.Imaging.Tests;

public sealed class WebDatasetTests
{
    [TestCase("cls"), TestCase("json"), TestCase("txt"), TestCase("mixed")]
    public void Shards_AreReadAsTheyWereWritten(string kind)
    {
        using var folder = new TemporaryFolder();
        for (int label = 0; label < 11; label++)
            File.WriteAllBytes(folder[$"images/{label}_0.png"], TestData.Png((uint)label));
        string[][] rows = [.. PythonOracle.Run("make_shards.py", folder.Path, kind).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t'))];
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.Multiple(() =>
        {
            Assert.That(ImageNetTests.Names(dataset), Is.EqualTo(rows.Select(row => $"{row[0]}:{row[1]}")));
            Assert.That(ImageNetTests.Labels(dataset), Is.EqualTo(rows.Select(row => int.Parse(row[2], CultureInfo.InvariantCulture))));
            Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10" }));
        });

        // The bytes that Python finds at its offset are the image's.
        Assert.That(ImageNetTests.Pixels(dataset), Is.EqualTo(rows.Select(row =>
        {
            using var file = File.OpenRead(folder[row[0]]);
            file.Position = long.Parse(row[3], CultureInfo.InvariantCulture);
            byte[] content = new byte[int.Parse(row[4], CultureInfo.InvariantCulture)];
            file.ReadExactly(content);
            using var single = new TemporaryFolder();
            File.WriteAllBytes(single["x/1.png"], content);
            using IImageDataset one = ImageDatasets.Open(single.Path, DatasetSplit.Unsplit);
            return ImageNetTests.Pixels(one, 0);
        })));
    }

    [Test]
    public void LabelsThatAreNames_AreTheClasses_InOrder()
    {
        using var folder = new TemporaryFolder();
        foreach (string label in new[] { "oak tree", "ant", "Zebra" })
            File.WriteAllBytes(folder[$"images/{label}_0.png"], TestData.Png((uint)label.Length));
        PythonOracle.Run("make_shards.py", folder.Path, "txt");
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.Multiple(() =>
        {
            Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "Zebra", "ant", "oak tree" }));
            Assert.That(ImageNetTests.Labels(dataset), Is.EqualTo(new[] { 0, 1, 2 }));
        });
    }

    [TestCase("train-000000.tar", "val-000000.tar"), TestCase("imagenet1k-train-0000.tar", "imagenet1k-validation-0000.tar")]
    [TestCase("train/000000.tar", "test/000000.tar"), TestCase("data/a-train.tar", "data/a-test.tar")]
    public void Splits_AreKnownByNameOrFolder_AndShareTheTrainingClasses(string train, string test)
    {
        using var folder = new TemporaryFolder();
        Shard(folder[train], ("a", 0), ("b", 2), ("c", 1));
        Shard(folder[test], ("x", 1));
        using IImageDataset trainSet = ImageDatasets.Open(folder.Path, DatasetSplit.Train), testSet = ImageDatasets.Open(folder.Path, DatasetSplit.Test);
        Assert.Multiple(() =>
        {
            Assert.That(trainSet.ClassNames, Is.EqualTo(new[] { "0", "1", "2" }));
            Assert.That(testSet.ClassNames, Is.EqualTo(trainSet.ClassNames));
            Assert.That(ImageNetTests.Labels(testSet), Is.EqualTo(new[] { 1 }));
            Assert.That(testSet.NameOf(0), Is.EqualTo($"{test}:x.jpg"));
        });
    }

    [TestCase("classnames.txt"), TestCase("classes.txt"), TestCase("labels.txt")]
    public void Names_ComeFromAFileBesideTheShards_AndSubsetsUseThem(string file)
    {
        using var folder = new TemporaryFolder();
        Shard(folder["train-0.tar"], ("a", 0), ("b", 2), ("c", 1), ("d", 2));
        File.WriteAllText(folder[file], "n01440764\nn02100735\nn02119789\n");
        File.WriteAllText(folder["list"], "n02119789\n");
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train, new() { Classes = ClassSubset.Load(folder["list"]) });
        Assert.Multiple(() =>
        {
            Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "n02119789" }));
            Assert.That(ImageNetTests.Names(dataset), Is.EqualTo(new[] { "train-0.tar:b.jpg", "train-0.tar:d.jpg" }));
        });
        using IImageDataset ordered = ImageDatasets.Open(folder.Path, DatasetSplit.Train, new() { ClassNames = ["n02119789", "n02100735", "n01440764"] });
        Assert.That(ImageNetTests.Labels(ordered), Is.EqualTo(new[] { 2, 0, 1, 0 }));
    }

    [Test]
    public void BrokenShards_AreNamed()
    {
        using var folder = new TemporaryFolder();
        string path = folder["train-0.tar"];
        byte[] png = TestData.Png(1);
        DdoqException? Error(DatasetSplit split = DatasetSplit.Train) => Assert.Catch<DdoqException>(() => ImageDatasets.Open(folder.Path, split));

        ImageNetTests.Tar(path, ("a.jpg", png), ("a.cls", "0"u8.ToArray()), ("b.jpg", png));
        TestData.AssertMessage(Error(), "train-0.tar", "b has no label");
        ImageNetTests.Tar(path, ("a.jpg", png), ("a.json", "{\"label\": }"u8.ToArray()));
        TestData.AssertMessage(Error(), "train-0.tar", "a has no label");
        ImageNetTests.Tar(path, ("a.jpg", png), ("a.png", png), ("a.cls", "0"u8.ToArray()));
        TestData.AssertMessage(Error(), "two images", "a.jpg", "a.png");
        ImageNetTests.Tar(path, ("a.jpg", png), ("a.cls", "0"u8.ToArray()), ("b.jpg", png), ("b.cls", "tench"u8.ToArray()));
        TestData.AssertMessage(Error(), "numbers", "tench");
        Shard(path, ("a", 0), ("b", 2), ("c", 2));
        TestData.AssertMessage(Error(), "class 1");
        TestData.AssertMessage(Error(DatasetSplit.Test), "no test shards");
        File.WriteAllText(folder["classes.txt"], "x\ny\n");
        TestData.AssertMessage(Error(), "train-0.tar:b.jpg", "label 2", "2 classes");
        Shard(folder["more.tar"], ("c", 0));
        TestData.AssertMessage(Error(), "more.tar", "names no split");
    }

    [Test]
    public void Damage_IsNamedByShardAndMember()
    {
        using var folder = new TemporaryFolder();
        ImageNetTests.Tar(folder["train-0.tar"], ("a.jpg", TestData.Png(1)), ("a.cls", "0"u8.ToArray()), ("b.jpg", TestData.Png(2)[..60]), ("b.cls", "0"u8.ToArray()));
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        var reader = new ImageBatchReader(dataset, new ImageFit(8, 8), new() { Damage = DamagePolicy.Skip(1) });
        Assert.That(reader.ReadAll().Sum(batch => batch.Count), Is.EqualTo(1));
        Assert.That(reader.Damaged.Single().Name, Is.EqualTo("train-0.tar:b.jpg"));
    }

    private static void Shard(string path, params (string Key, int Label)[] samples) => ImageNetTests.Tar(
        path,
        [.. samples.SelectMany(sample => new (string, byte[])[]
        {
            (sample.Key + ".jpg", TestData.Png((uint)sample.Key[0])),
            (sample.Key + ".cls", Encoding.ASCII.GetBytes(sample.Label.ToString(CultureInfo.InvariantCulture))),
        })]);
}
