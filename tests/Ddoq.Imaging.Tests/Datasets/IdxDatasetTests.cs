using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Ddoq.Imaging.Tests;

public sealed class IdxDatasetTests
{
    private const string FullDataset = "/usr/share/datasets/fashion-mnist";

    [Test]
    public void Sample_IsWhatPythonReads()
    {
        string[] lines = PythonOracle.Run("read_idx.py", TestData.Sample).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines, Is.EqualTo(new[] { Describe(DatasetSplit.Train, "train"), Describe(DatasetSplit.Test, "t10k") }));

        static string Describe(DatasetSplit split, string name)
        {
            using IImageDataset dataset = ImageDatasets.Open(TestData.Sample, split);
            using var pixels = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            using var labels = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var counts = new int[dataset.ClassNames.Count];
            byte[] planar = new byte[3 * 28 * 28];
            for (int i = 0; i < dataset.Count; i++)
            {
                dataset.ReadRgb(i, new ImageFit(28, 28), planar);
                pixels.AppendData(planar.AsSpan(0, 784));
                labels.AppendData([(byte)dataset.LabelOf(i)]);
                counts[dataset.LabelOf(i)]++;
            }

            return string.Create(CultureInfo.InvariantCulture,
                $"{name} {Convert.ToHexStringLower(pixels.GetHashAndReset())} {Convert.ToHexStringLower(labels.GetHashAndReset())} {string.Join(',', counts)}");
        }
    }

    [Test]
    public void Sample_HasNamesSizesAndGreyPlanes()
    {
        using IImageDataset dataset = ImageDatasets.Open(TestData.Sample, DatasetSplit.Test);
        byte[] planar = new byte[3 * 32 * 32];
        dataset.ReadRgb(7, new ImageFit(32, 32, FitMode.Pad), planar);
        byte[] red = planar[..1024], green = planar[1024..2048], blue = planar[2048..];
        Assert.Multiple(() =>
        {
            Assert.That(dataset.Count, Is.EqualTo(2000));
            Assert.That(dataset.ClassNames[9], Is.EqualTo("Ankle boot"));
            Assert.That(dataset.NameOf(123), Is.EqualTo("t10k-images-idx3-ubyte.gz[123]"));
            Assert.That(dataset.SizeOf(0), Is.EqualTo(new ImageSize(28, 28)));
            Assert.That(dataset.IsGrey);
            Assert.That(green, Is.EqualTo(red));
            Assert.That(blue, Is.EqualTo(red));
            Assert.That(() => dataset.LabelOf(2000), Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => dataset.NameOf(-1), Throws.TypeOf<ArgumentOutOfRangeException>());
        });
    }

    [Test]
    public void FashionMnist_IsKnownByItsLabels()
    {
        if (!Directory.Exists(FullDataset))
            Assert.Ignore($"{FullDataset} is not there (Debian's dataset-fashion-mnist)");
        using IImageDataset dataset = ImageDatasets.Open(FullDataset, DatasetSplit.Test);
        Assert.That(dataset.ClassNames, Has.Count.EqualTo(10).And.Contains("Pullover"));
    }

    [Test]
    public void OtherNamesPlainOrGzip_AreTheSameDataset()
    {
        using var folder = new TemporaryFolder();
        Write(folder["gz/train-images-idx3-ubyte.gz"], [6, 3, 4], TestData.RandomBytes(72, 1), gzip: true);
        Write(folder["gz/train-labels-idx1-ubyte.gz"], [6], [0, 1, 2, 2, 1, 0], gzip: true);
        Write(folder["plain/train-images.idx3-ubyte"], [6, 3, 4], TestData.RandomBytes(72, 1));
        Write(folder["plain/train-labels.idx1-ubyte"], [6], [0, 1, 2, 2, 1, 0]);
        using IImageDataset gzip = ImageDatasets.Open(folder["gz"], DatasetSplit.Train), plain = ImageDatasets.Open(folder["plain"], DatasetSplit.Train);
        Assert.Multiple(() =>
        {
            Assert.That(gzip.ClassNames, Is.EqualTo(new[] { "0", "1", "2" }));
            Assert.That(gzip.SizeOf(5), Is.EqualTo(new ImageSize(4, 3)));
            Assert.That(plain.Fingerprint, Is.EqualTo(gzip.Fingerprint).And.Length.EqualTo(64));
        });

        Write(folder["plain/train-labels.idx1-ubyte"], [6], [0, 1, 2, 2, 0, 1]);
        using IImageDataset other = ImageDatasets.Open(folder["plain"], DatasetSplit.Train);
        Assert.That(other.Fingerprint, Is.Not.EqualTo(gzip.Fingerprint));
    }

    [Test]
    public void ClassNamesOption_Relabels()
    {
        using var folder = new TemporaryFolder();
        WriteSmall(folder);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train, new() { ClassNames = ["b", "a"] });
        Assert.Multiple(() =>
        {
            Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "b", "a" }));
            Assert.That(Enumerable.Range(0, 4).Select(dataset.LabelOf), Is.EqualTo(new[] { 1, 0, 0, 1 }));
        });
        var error = Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train, new() { ClassNames = ["b", "c"] }));
        TestData.AssertMessage(error, "not expected: a", "missing: c");
    }

    [Test]
    public void TestSplit_TakesItsClassesFromTheTrainingLabels()
    {
        using var folder = new TemporaryFolder();
        WriteSmall(folder);
        File.Delete(folder["classes.txt"]);
        Write(folder["t10k-images-idx3-ubyte"], [2, 2, 2], new byte[8]);
        Write(folder["t10k-labels-idx1-ubyte"], [2], [0, 0]);

        // Class 1 is a class although the test split has none of it, which is said rather than renumbered.
        var error = Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Test));
        TestData.AssertMessage(error, "t10k-labels-idx1-ubyte", "class 1");
    }

    [Test]
    public void BrokenFiles_AreNamedWithARemedy()
    {
        using var folder = new TemporaryFolder();
        string images = folder["train-images-idx3-ubyte"], labels = folder["train-labels-idx1-ubyte"];
        byte[] pixels = TestData.RandomBytes(16, 1);

        Expect(() => File.Delete(labels), folder.Path, "train-labels-idx1-ubyte");
        Expect(() => Write(labels, [3], [0, 1, 1]), "4 images", labels, "3 labels");
        Expect(() => Write(images, [5, 2, 2], pixels), images, "5 x 2 x 2", "only 16");
        Expect(() => Write(images, [3, 2, 2], pixels), images, "3 x 2 x 2", "more");
        Expect(() => Write(images, [int.MaxValue, int.MaxValue, 2], pixels), images, "fewer");
        Expect(() => Write(images, [-1, 2, 2], pixels), images, "4294967295");
        Expect(() => Write(images, [0, 2, 2], []), images);
        Expect(() => Write(images, [4], [0, 1, 1, 0]), images, "00000801", "00000803");
        Expect(() => File.WriteAllBytes(images, []), images);
        Expect(() => File.WriteAllBytes(images, [0, 0, 8, 3, 0]), images);
        Expect(() => File.WriteAllText(folder["classes.txt"], "a\n"), labels, "label 1", "position 1");
        Expect(() => File.WriteAllText(folder["classes.txt"], "a\nb\nc\n"), labels, "class 2 (c)");
        Expect(() => File.WriteAllText(folder["classes.txt"], "a\n\nb\n"), "classes.txt", "line 2");

        void Expect(Action breakIt, params string[] parts)
        {
            WriteSmall(folder);
            breakIt();
            TestData.AssertMessage(Assert.Catch<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), parts);
        }
    }

    [Test]
    public void BrokenGzip_IsNamedWithARemedy()
    {
        using var folder = new TemporaryFolder();
        WriteSmall(folder);
        File.Delete(folder["train-images-idx3-ubyte"]);
        string path = folder["train-images-idx3-ubyte.gz"];
        Write(path, [4, 2, 2], TestData.RandomBytes(16, 1), gzip: true);
        byte[] whole = File.ReadAllBytes(path);

        // The last bytes end the stream and check it; the contents may be complete without them.
        for (int length = 2; length < whole.Length - 12; length++)
        {
            File.WriteAllBytes(path, whole[..length]);
            TestData.AssertMessage(Assert.Catch<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train), $"{length} bytes"), path);
        }

        whole[^6] ^= 1; // the checksum
        File.WriteAllBytes(path, whole);
        TestData.AssertMessage(Assert.Catch<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), path, "gzip");
    }

    [Test]
    public void Unsplit_IsAUsageError() =>
        TestData.AssertMessage(Assert.Throws<UsageException>(() => ImageDatasets.Open(TestData.Sample, DatasetSplit.Unsplit)), TestData.Sample);

    private static void WriteSmall(TemporaryFolder folder)
    {
        Write(folder["train-images-idx3-ubyte"], [4, 2, 2], TestData.RandomBytes(16, 1));
        Write(folder["train-labels-idx1-ubyte"], [4], [0, 1, 1, 0]);
        File.WriteAllText(folder["classes.txt"], "a\nb\n");
    }

    private static void Write(string path, int[] dimensions, byte[] elements, bool gzip = false)
    {
        byte[] content =
        [
            0, 0, 8, (byte)dimensions.Length,
            .. dimensions.SelectMany(d => new[] { (byte)(d >> 24), (byte)(d >> 16), (byte)(d >> 8), (byte)d }),
            .. elements,
        ];
        using FileStream file = File.Create(path);
        if (!gzip)
        {
            file.Write(content);
            return;
        }

        using var stream = new GZipStream(file, CompressionLevel.Optimal);
        stream.Write(content);
    }
}
