namespace Ddoq.Imaging.Tests;

public sealed class ClassSubsetTests
{
    // Facts that stand elsewhere: fastai's ten easy classes and ten dogs, and two of the hundred.
    [TestCase("imagenette", 10, "n01440764", "n03888257"), TestCase("imagewoof", 10, "n02086240", "n02115641"), TestCase("imagenet-100", 100, "n02869837", "n02090622")]
    public void BuiltInLists_HaveTheirClasses(string name, int count, string one, string another)
    {
        string[] all = ["other", .. BuiltInSubsets.Find(name)!];
        string[] classes = ClassSubset.Load(name).Of(all, "the data");
        Assert.Multiple(() =>
        {
            Assert.That(classes, Has.Length.EqualTo(count).And.Unique.And.All.Matches<string>(item => WordNetId.Is(item!)));
            Assert.That(classes, Does.Contain(one).And.Contain(another));
            Assert.That(ClassSubset.BuiltIn, Does.Contain(name));
        });
    }

    [Test]
    public void Lines_MayHaveTextBehindTheName_AndNamesMayHaveSpaces()
    {
        using var folder = new TemporaryFolder();
        string[] found = ["Ankle boot", "Bag", "T-shirt/top", "n01440764"];
        File.WriteAllText(folder["list"], "n01440764 tench, Tinca tinca\n# a comment\n\n  T-shirt/top\tworn above\nAnkle boot\n");
        Assert.That(ClassSubset.Load(folder["list"]).Of(found, "the data"), Is.EqualTo(new[] { "Ankle boot", "T-shirt/top", "n01440764" }));
    }

    [Test]
    public void WhatIsMissing_IsNamed()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["list"], "Bag\nUmbrella\nn01440764 tench\n");
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ClassSubset.Load(folder["list"]).Of(["Bag", "Coat"], "the data")), "2 of the 3", "Umbrella", "n01440764", "the data");
        File.WriteAllText(folder["list"], "Bag\nBag\n");
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ClassSubset.Load(folder["list"]).Of(["Bag"], "the data")), "'Bag' twice");
        File.WriteAllText(folder["list"], "# nothing\n");
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ClassSubset.Load(folder["list"])), "names no class");
        TestData.AssertMessage(Assert.Throws<UsageException>(() => ClassSubset.Load("imagenet-10")), "imagenet-10", "imagenette, imagewoof, imagenet-100");
    }

    [Test]
    public void ImageFolders_TakeOnlyTheClassesOfTheList()
    {
        using var folder = new TemporaryFolder();
        foreach (string name in new[] { "train/a/1.png", "train/b/1.png", "train/c/1.png", "test/a/1.png", "test/b/1.png", "test/c/1.png", "test/c/2.png" })
            File.WriteAllBytes(folder[name], TestData.Png(1));
        Directory.CreateDirectory(folder["train/empty"]);
        File.WriteAllText(folder["list"], "c\na\n");
        var options = new ImageDatasetOptions { Classes = ClassSubset.Load(folder["list"]) };
        using IImageDataset train = ImageDatasets.Open(folder.Path, DatasetSplit.Train, options), test = ImageDatasets.Open(folder.Path, DatasetSplit.Test, options);
        Assert.Multiple(() =>
        {
            Assert.That(train.ClassNames, Is.EqualTo(new[] { "a", "c" }));
            Assert.That(ImageNetTests.Names(train), Is.EqualTo(new[] { "train/a/1.png", "train/c/1.png" }));
            Assert.That(ImageNetTests.Labels(test), Is.EqualTo(new[] { 0, 1, 1 }));
        });
    }

    [Test]
    public void IdxFiles_TakeOnlyTheClassesOfTheList()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["list"], "Bag\nT-shirt/top\n");
        using IImageDataset all = ImageDatasets.Open(TestData.Sample, DatasetSplit.Test);
        using IImageDataset some = ImageDatasets.Open(TestData.Sample, DatasetSplit.Test, new() { Classes = ClassSubset.Load(folder["list"]), ClassNames = ["Bag", "T-shirt/top"] });
        int[] rows = [.. Enumerable.Range(0, all.Count).Where(i => all.ClassNames[all.LabelOf(i)] is "Bag" or "T-shirt/top")];
        Assert.That(some.Count, Is.EqualTo(rows.Length));
        Assert.That(ImageNetTests.Labels(some), Is.EqualTo(rows.Select(i => all.ClassNames[all.LabelOf(i)] == "Bag" ? 0 : 1)));
        Assert.That(ImageNetTests.Pixels(some), Is.EqualTo(rows.Select(i => ImageNetTests.Pixels(all, i))));
    }
}
