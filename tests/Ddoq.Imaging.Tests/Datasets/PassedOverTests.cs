using System.Diagnostics;

namespace Ddoq.Imaging.Tests;

/// <summary>Whatever a dataset leaves out is counted by kind, and what would mix its parts is refused.</summary>
public sealed class PassedOverTests
{
    [Test]
    public void ClassFolders_CountWhatIsNoImageByKind()
    {
        using var folder = new TemporaryFolder();
        Png(folder, "train/a/1.png", "train/b/1.png", "train/.ipynb_checkpoints/1.png", "train/@eaDir/a/1.png", "train/loose.png", "train/a/.x.png", "train/b/__MACOSX/2.png");
        foreach (string name in new[] { "a/x.gif", "a/deep/y.GIF", "b/z.jfif", "b/notes.txt", "b/README" })
            File.WriteAllText(folder["train/" + name], "x");
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.Multiple(() =>
        {
            Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "a", "b" }));
            Assert.That(dataset.Count, Is.EqualTo(2));
            Assert.That(dataset.PassedOver.Select(remark => remark.ToString()), Is.EquivalentTo(new[]
            {
                "2 .gif images, which are not read; for example train/a/deep/y.GIF",
                "1 .jfif images, which are not read; for example train/b/z.jfif",
                "1 .txt files, which are no images; for example train/b/notes.txt",
                "1 files without an extension; for example train/b/README",
                "2 hidden files and folders; for example train/.ipynb_checkpoints",
                "1 folders of the system (@eaDir); for example train/@eaDir",
                "1 folders of the system (__MACOSX); for example train/b/__MACOSX",
                "1 images outside the class folders; for example train/loose.png",
            }));
        });
        TestData.AssertMessage(
            Assert.Throws<DdoqException>(() =>
            {
                File.Delete(folder["train/a/1.png"]);
                ImageDatasets.Open(folder.Path, DatasetSplit.Train);
            }),
            "train/a holds no images", "2 .gif images");
    }

    [Test]
    public void Archives_CountMembersByKind()
    {
        using var folder = new TemporaryFolder();
        ImageNetTests.Tar(folder["train/a.tar"], ("1.png", TestData.Png(1)), ("2.gif", [1]), ("__MACOSX/1.png", [1]), (".thumbs/1.png", [1]), ("list.txt", [1]));
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(dataset.Count, Is.EqualTo(1));
        Assert.That(dataset.PassedOver.Select(remark => remark.Example), Is.EquivalentTo(new[] { "a.tar:2.gif", "a.tar:__MACOSX/1.png", "a.tar:.thumbs/1.png", "a.tar:list.txt" }));
    }

    [Test]
    public void Shards_CountImagesNotReadAndLabelsWithoutOne()
    {
        using var folder = new TemporaryFolder();
        byte[] zero = "0"u8.ToArray(), png = TestData.Png(1);
        ImageNetTests.Tar(
            folder["train-0.tar"], ("a.png", png), ("a.cls", zero), ("a.json", "{}"u8.ToArray()), ("b.gif", [1]), ("b.cls", zero), ("c.cls", zero), ("d.png", png), ("d.npy", [1]), ("d.cls", zero));
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(dataset.Count, Is.EqualTo(2));
        Assert.That(dataset.PassedOver.Select(remark => remark.ToString()), Is.EquivalentTo(new[]
        {
            "1 .gif images, which are not read; for example train-0.tar:b.gif",
            "1 .npy files, which are no images; for example train-0.tar:d.npy",
            "1 samples with a label and no image; for example train-0.tar:c.cls",
        }));
    }

    [TestCase("Train/a/1.png", "Test/a/1.png", "Test"), TestCase("training/a/1.png", "testing/a/1.png", "testing")]
    [TestCase("set/train/a/1.png", "set/val/a/1.png", "one folder deeper"), TestCase("train/train/a/1.png", "train/val/a/1.png", "train")]
    public void PartsThatWouldBecomeClasses_AreRefused(string first, string second, string named)
    {
        using var folder = new TemporaryFolder();
        Png(folder, first, second);
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), folder.Path, named);
    }

    [TestCase("Train-0.tar", "Test-0.tar"), TestCase("x-training-0.tar", "x-testing-0.tar")]
    public void ShardsOfPartsCalledOtherwise_AreRefused(string first, string second)
    {
        using var folder = new TemporaryFolder();
        foreach (string name in new[] { first, second })
            ImageNetTests.Tar(folder[name], ("a.png", TestData.Png(1)), ("a.cls", "0"u8.ToArray()));
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "part");
    }

    [Test]
    public void ClassOrder_IsThatOfCodePoints()
    {
        using var folder = new TemporaryFolder();
        Png(folder, "\U0001F600/1.png", "\uFB00/1.png", "\uFB00/\U0001F600.png", "\uFB00/\uFB00.png", "a/1.png");
        string[] lines = PythonOracle.Run("image_folder.py", folder.Path).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(dataset.ClassNames, Is.EqualTo(lines[0].Split('\t')).And.EqualTo(new[] { "a", "\uFB00", "\U0001F600" }));
        Assert.That(ImageNetTests.Names(dataset), Is.EqualTo(lines[1..].Select(line => line.Split('\t')[1])));
    }

    [Test]
    [Platform("Linux")]
    public void Pipes_AreNotOpened()
    {
        // Who opens one waits for ever: not this test.
        var opening = Task.Factory.StartNew(OpenPipes, TaskCreationOptions.LongRunning);
        Assert.That(opening.Wait(TimeSpan.FromSeconds(30)), "an opened pipe does not return");
    }

    private static void OpenPipes()
    {
        using var folder = new TemporaryFolder();
        Png(folder, "train/a/1.png");
        Make("mkfifo", folder["train/a/x.png"]);
        using (IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train))
        {
            Assert.That(dataset.Fingerprint, Has.Length.EqualTo(64));
            TestData.AssertMessage(Assert.Throws<DamagedImageException>(() => ImageNetTests.Pixels(dataset, 1)), "x.png", "no regular file");
            TestData.AssertMessage(Assert.Throws<DamagedImageException>(() => dataset.SizeOf(1)), "x.png", "no regular file");
        }

        foreach (string name in new[] { "train/a.tar", "train-0.parquet", "train-images-idx3-ubyte" })
        {
            using var other = new TemporaryFolder();
            Make("mkfifo", other[name]);
            if (name.EndsWith("ubyte", StringComparison.Ordinal))
                File.WriteAllText(other["train-labels-idx1-ubyte"], "x");
            TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(other.Path, DatasetSplit.Train)), name, "no regular file");
        }
    }

    [Test]
    [Platform("Linux")]
    public void NamesThatAreNotUtf8_AreCounted_AndRefusedForClasses()
    {
        using var folder = new TemporaryFolder();
        Png(folder, "a/1.png");
        Make("bash", "-c", $"cp '{folder["a/1.png"]}' '{folder.Path}/a/'$'\\xe9'.png");
        using (IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train))
        {
            Assert.That(dataset.Count, Is.EqualTo(1));
            Assert.That(dataset.PassedOver.Single().Kind, Is.EqualTo("files whose names are not UTF-8"));
        }

        Make("bash", "-c", $"mkdir '{folder.Path}/'$'\\xe9' && cp '{folder["a/1.png"]}' '{folder.Path}/'$'\\xe9'/1.png");
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "not UTF-8", folder.Path);

        // .NET cannot remove them either.
        Make("rm", "-r", folder.Path);
        Directory.CreateDirectory(folder.Path);
    }

    [TestCase("train/a/1.png"), TestCase("train/a.tar"), TestCase("train-0.parquet"), TestCase("train-images-idx3-ubyte")]
    public void PointersOfGit_AreNamed(string name)
    {
        foreach ((string text, string tool) in new[] { ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs"), ("/annex/objects/SHA256E-s1--0.png\n", "git annex") })
        {
            using var folder = new TemporaryFolder();
            File.WriteAllText(folder[name], text);
            if (name.EndsWith("ubyte", StringComparison.Ordinal))
                File.WriteAllText(folder["train-labels-idx1-ubyte"], text);
            var error = Assert.Catch<DdoqException>(() =>
            {
                using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
                ImageNetTests.Pixels(dataset);
            });
            TestData.AssertMessage(error, name);
            Assert.That(error!.Hint, Does.Contain(tool));
        }
    }

    [Test]
    public void Fingerprint_SeesAReplacedImageOfTheSameLength([Values("bmp", "png", "tar", "parquet")] string kind)
    {
        using TemporaryFolder first = new(), second = new(), same = new();
        string Of(TemporaryFolder folder, byte level)
        {
            // Large enough not to be read whole, and alike but for a few rows in the middle.
            byte[] pixels = new byte[3 * 96 * 96];
            pixels.AsSpan(3 * 96 * 40, 3 * 96).Fill(level);
            byte[] bmp = Bmp(pixels, 96, 96), png = TestData.RandomBytes(20_000, level);
            switch (kind)
            {
                case "tar":
                    ImageNetTests.Tar(folder["train/a.tar"], ("1.bmp", bmp));
                    break;
                case "parquet":
                    ParquetTests.Write(folder["train-0.parquet"], [png, .. ParquetTests.Images(2)], i => i);
                    break;
                default:
                    File.WriteAllBytes(folder[$"train/a/1.{kind}"], kind == "bmp" ? bmp : png);
                    break;
            }

            using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
            return dataset.Fingerprint;
        }

        string expected = Of(first, 7);
        Assert.That(Of(same, 7), Is.EqualTo(expected), "a copy");
        Assert.That(Of(second, 8), Is.Not.EqualTo(expected), "another image");
    }

    [Test]
    public void OddPixels_AreRemarkedOn()
    {
        using var folder = new TemporaryFolder();
        PythonOracle.Run("make_odd.py", folder["train/a/x"][..^1]);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        ImageNetTests.Pixels(dataset);
        Assert.That(dataset.Remarks.Select(remark => (remark.Kind, remark.Count, remark.Example)), Is.EquivalentTo(new[]
        {
            (ImageFacts.Constant, 1, "train/a/constant.png"), (ImageFacts.NearlyBlack, 1, "train/a/twelve.png"),
        }));
    }

    [Test]
    public void Cancellation_StopsEveryFormat([Values("folder", "tar", "shards", "parquet", "idx")] string kind)
    {
        using var folder = new TemporaryFolder();
        switch (kind)
        {
            case "folder": Png(folder, "train/a/1.png"); break;
            case "tar": ImageNetTests.Tar(folder["train/a.tar"], ("1.png", TestData.Png(1))); break;
            case "shards": ImageNetTests.Tar(folder["train-0.tar"], ("1.png", TestData.Png(1)), ("1.cls", "0"u8.ToArray())); break;
            case "parquet": ParquetTests.Write(folder["train-0.parquet"], ParquetTests.Images(3), i => i); break;
            default:
                File.WriteAllBytes(folder["train-images-idx3-ubyte"], [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5]);
                File.WriteAllBytes(folder["train-labels-idx1-ubyte"], [0, 0, 8, 1, 0, 0, 0, 1, 0]);
                break;
        }

        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.That(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train, new() { Cancellation = source.Token }), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train).Dispose(), Throws.Nothing);
    }

    internal static byte[] Bmp(byte[] pixels, int width, int height)
    {
        byte[] file = new byte[54 + pixels.Length];
        "BM"u8.CopyTo(file);
        foreach ((int at, int value) in new[] { (2, file.Length), (10, 54), (14, 40), (18, width), (22, height), (26, 1 | 24 << 16) })
            BitConverter.TryWriteBytes(file.AsSpan(at), value);
        pixels.CopyTo(file, 54);
        return file;
    }

    private static void Png(TemporaryFolder folder, params string[] names)
    {
        for (int i = 0; i < names.Length; i++)
            File.WriteAllBytes(folder[names[i]], TestData.Png((uint)i));
    }

    private static void Make(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero);
    }
}
