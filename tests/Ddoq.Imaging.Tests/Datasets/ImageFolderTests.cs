using System.Globalization;
using System.Security.Cryptography;

namespace Ddoq.Imaging.Tests;

public sealed class ImageFolderTests
{
    [Test]
    public void OrderLabelsAndPixels_AreTorchvisions()
    {
        using var folder = new TemporaryFolder();
        string[] names =
        [
            "zebra/0.png", "zebra/10.png", "zebra/2.PNG", "Ant/b.png", "Ant/sub/a.png", "Ant/sub-b/a.png", "Ant/sub/deep/x.png", "ant/ä.png",
            "10/Z.png", "10/a.png", "2/_.png", "été/1.png", "a b/c [1] d.png",
        ];
        for (int i = 0; i < names.Length; i++)
            TestData.WritePng(folder[$"train/{names[i]}"], i % 2 == 0 ? 3 : 1, 5 + i, 4, (uint)i);
        File.WriteAllText(folder["train/10/readme.txt"], "not an image");

        string[] lines = PythonOracle.Run("image_folder.py", Path.Combine(folder.Path, "train")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        var ours = Enumerable.Range(0, dataset.Count).Select(i =>
        {
            ImageSize size = dataset.SizeOf(i);
            byte[] planar = new byte[3 * size.Height * size.Width], interleaved = new byte[planar.Length];
            dataset.ReadRgb(i, new ImageFit(size.Height, size.Width), planar);
            PlanarRgb.ToInterleaved(planar, interleaved);
            return string.Create(CultureInfo.InvariantCulture,
                $"{dataset.LabelOf(i)}\t{dataset.NameOf(i)["train/".Length..]}\t{Convert.ToHexStringLower(SHA256.HashData(interleaved))}");
        });
        Assert.Multiple(() =>
        {
            Assert.That(dataset.ClassNames, Is.EqualTo(lines[0].Split('\t')));
            Assert.That(ours, Is.EqualTo(lines[1..]));
            Assert.That(dataset.Count, Is.EqualTo(names.Length));
            Assert.That(dataset.IsGrey, Is.False);
        });
    }

    // The whole way of a file: decoding, EXIF, resize and crop. The two decoders of a JPEG come from one library.
    [TestCase(32), TestCase(64)]
    public void Files_BecomeThePixelsOfPillowAndTorchvision(int size)
    {
        using var folder = new TemporaryFolder();
        PythonOracle.Run("fit_images.py", folder.Path, size.ToString(CultureInfo.InvariantCulture));
        using IImageDataset dataset = ImageDatasets.Open(folder["data"], DatasetSplit.Train);
        byte[] planar = new byte[3 * size * size], interleaved = new byte[planar.Length];
        Assert.Multiple(() =>
        {
            Assert.That(dataset.Count, Is.EqualTo(60));
            for (int i = 0; i < dataset.Count; i++)
            {
                dataset.ReadRgb(i, new ImageFit(size, size), planar);
                PlanarRgb.ToInterleaved(planar, interleaved);
                Assert.That(interleaved, Is.EqualTo(File.ReadAllBytes(folder[Path.GetFileName(dataset.NameOf(i)) + ".out"])), dataset.NameOf(i));
            }
        });
    }

    [Test]
    public void HiddenFilesAndFolders_AreIgnored()
    {
        using var folder = new TemporaryFolder();
        TestData.WritePng(folder["cat/1.png"], 1, 3, 3, 1);
        File.WriteAllText(folder["cat/._1.png"], "resource fork");
        File.WriteAllText(folder["cat/.cache/2.png"], "thumbnail");
        File.WriteAllText(folder[".ipynb_checkpoints/x.png"], "checkpoint");
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.Multiple(() =>
        {
            Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "cat" }));
            Assert.That(dataset.Count, Is.EqualTo(1));
            Assert.That(dataset.NameOf(0), Is.EqualTo("cat/1.png"));
            Assert.That(dataset.IsGrey);
        });
    }

    [TestCase("val"), TestCase("test"), TestCase("validation")]
    public void TestSplit_HasTheTrainingSplitsLabels(string part)
    {
        using var folder = new TemporaryFolder();
        foreach (string name in new[] { "train/a/1.png", "train/b/1.png", $"{part}/a/7.png", $"{part}/b/8.png" })
            TestData.WritePng(folder[name], 1, 3, 3, 1);
        using (IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Test))
            Assert.That(Enumerable.Range(0, 2).Select(dataset.NameOf), Is.EqualTo(new[] { $"{part}/a/7.png", $"{part}/b/8.png" }));

        // Without class a, torchvision would give b the label 0.
        Directory.Delete(folder[$"{part}/a"], recursive: true);
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Test)), part, "train", "missing: a");
    }

    [Test]
    public void AClassMayBeCalledTrain()
    {
        using var folder = new TemporaryFolder();
        TestData.WritePng(folder["train/1.png"], 1, 3, 3, 1);
        TestData.WritePng(folder["bus/1.png"], 1, 3, 3, 1);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "bus", "train" }));
    }

    [Test]
    public void WhatIsMissing_IsNamedWithARemedy()
    {
        using var folder = new TemporaryFolder();
        TestData.AssertMessage(Assert.Throws<UsageException>(() => Open("nowhere", DatasetSplit.Train)), "nowhere");
        File.WriteAllText(folder["file.txt"], "x");
        TestData.AssertMessage(Assert.Throws<UsageException>(() => Open("file.txt", DatasetSplit.Train)), "file.txt", "is a file");
        Directory.CreateDirectory(folder["none"]);
        var error = Assert.Throws<DdoqException>(() => Open("none", DatasetSplit.Train));
        TestData.AssertMessage(error, "none");
        Assert.That(error!.Hint, Does.Contain("train-images-idx3-ubyte").And.Contain("ImageFolder"));

        TestData.WritePng(folder["empty/cat/1.png"], 1, 3, 3, 1);
        Directory.CreateDirectory(folder["empty/dog"]);
        File.WriteAllText(folder["empty/dog/notes.txt"], "x");
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => Open("empty", DatasetSplit.Train)), folder["empty/dog"], ".png");
        TestData.AssertMessage(Assert.Throws<UsageException>(() => Open("empty", DatasetSplit.Test)), "empty", "test/");

        TestData.WritePng(folder["valonly/val/cat/1.png"], 1, 3, 3, 1);
        TestData.AssertMessage(Assert.Throws<UsageException>(() => Open("valonly", DatasetSplit.Train)), "val/", "train/");

        IImageDataset Open(string name, DatasetSplit split) => ImageDatasets.Open(Path.Combine(folder.Path, name), split);
    }

    [Test]
    public void Pad_OfMixedSizes_NamesBothFiles()
    {
        using var folder = new TemporaryFolder();
        TestData.WritePng(folder["a/1.png"], 1, 28, 28, 1);
        TestData.WritePng(folder["a/2.png"], 1, 28, 28, 1);
        TestData.WritePng(folder["b/1.png"], 1, 20, 28, 1);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        byte[] planar = new byte[3 * 32 * 32];
        dataset.ReadRgb(1, new ImageFit(32, 32, FitMode.Pad), planar);
        var error = Assert.Throws<DdoqException>(() => dataset.ReadRgb(2, new ImageFit(32, 32, FitMode.Pad), planar));
        TestData.AssertMessage(error, "mixed image sizes", "a/1.png", "28x28", "b/1.png", "28x20");
        Assert.That(() => dataset.ReadRgb(2, new ImageFit(32, 32), planar), Throws.Nothing);
    }

    [Test]
    public void Fingerprints_BelongToTheFilesAlone()
    {
        using var folder = new TemporaryFolder();
        foreach (string root in new[] { "one", "two" })
        {
            TestData.WritePng(folder[$"{root}/a/1.png"], 1, 9, 9, 1);
            TestData.WritePng(folder[$"{root}/b/1.png"], 3, 9, 9, 2);
        }

        File.SetLastWriteTimeUtc(folder["two/a/1.png"], DateTime.UnixEpoch);
        (string cheap, string full) = Of("one");
        Assert.Multiple(() =>
        {
            Assert.That(Of("two"), Is.EqualTo((cheap, full)), "a copy");
            Assert.That(cheap, Is.Not.EqualTo(full).And.Length.EqualTo(64));
        });

        // The same length, another byte.
        byte[] content = File.ReadAllBytes(folder["two/a/1.png"]);
        content[^1] ^= 1;
        File.WriteAllBytes(folder["two/a/1.png"], content);
        Assert.Multiple(() =>
        {
            Assert.That(Of("two").Cheap, Is.Not.EqualTo(cheap));
            Assert.That(Of("two").Full, Is.Not.EqualTo(full));
        });
        TestData.WritePng(folder["two/a/1.png"], 1, 9, 9, 1);
        Assert.That(Of("two"), Is.EqualTo((cheap, full)), "as it was");

        File.Move(folder["two/a/1.png"], folder["two/a/2.png"]);
        Assert.That(Of("two").Cheap, Is.Not.EqualTo(cheap), "another name");

        (string Cheap, string Full) Of(string root)
        {
            using IImageDataset dataset = ImageDatasets.Open(folder[root], DatasetSplit.Train);
            return (dataset.Fingerprint, dataset.ComputeContentDigest());
        }
    }

    [Test]
    public void ClassNamesOption_Relabels()
    {
        using var folder = new TemporaryFolder();
        TestData.WritePng(folder["a/1.png"], 1, 3, 3, 1);
        TestData.WritePng(folder["b/1.png"], 1, 3, 3, 1);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train, new() { ClassNames = ["b", "a"] });
        Assert.Multiple(() =>
        {
            Assert.That(Enumerable.Range(0, 2).Select(dataset.NameOf), Is.EqualTo(new[] { "a/1.png", "b/1.png" }));
            Assert.That(Enumerable.Range(0, 2).Select(dataset.LabelOf), Is.EqualTo(new[] { 1, 0 }));
        });
    }

    [Test]
    public void DamagedAndMisnamedFiles_AreNamedWhenRead()
    {
        using var folder = new TemporaryFolder();
        TestData.WritePng(folder["a/1.png"], 3, 64, 64, 1);
        byte[] png = File.ReadAllBytes(folder["a/1.png"]);
        File.WriteAllBytes(folder["a/2.png"], png[..(png.Length / 2)]);
        File.WriteAllBytes(folder["a/3.jpg"], png);
        File.WriteAllBytes(folder["a/4.png"], []);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        byte[] planar = new byte[3 * 64 * 64];
        Assert.Multiple(() =>
        {
            TestData.AssertMessage(Assert.Throws<DamagedImageException>(() => Read(1)), folder["a/2.png"]);
            TestData.AssertMessage(Assert.Throws<DdoqException>(() => Read(2)), folder["a/3.jpg"], "PNG", "JPEG");
            TestData.AssertMessage(Assert.Throws<DamagedImageException>(() => Read(3)), folder["a/4.png"], "empty");
        });
        File.Delete(folder["a/1.png"]);
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => Read(0)), folder["a/1.png"], "cannot be read");

        void Read(int index) => dataset.ReadRgb(index, new ImageFit(64, 64), planar);
    }
}
