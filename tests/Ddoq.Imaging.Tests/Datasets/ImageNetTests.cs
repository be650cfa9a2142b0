using System.Formats.Tar;
using System.Globalization;
using System.Text;

namespace Ddoq.Imaging.Tests;

public sealed class ImageNetTests
{
    private static readonly string[] s_synsets = ["n01440764", "n02100735", "n02119789"];

    private static readonly ImageFit s_fit = new(8, 8);

    [Test]
    public void ClassArchives_AreIndexedAsPythonsTarfileDoes_AndReadInPlace()
    {
        using var folder = new TemporaryFolder();
        Images(folder, "images", 4);
        PythonOracle.Run("make_imagenet.py", folder.Path, "0");
        string[][] members = [.. File.ReadAllLines(folder["members.txt"]).Select(line => line.Split('\t'))];
        using IImageDataset archives = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        using IImageDataset files = ImageDatasets.Open(folder["images"], DatasetSplit.Unsplit);
        Assert.Multiple(() =>
        {
            Assert.That(archives.ClassNames, Is.EqualTo(s_synsets));
            Assert.That(Names(archives), Is.EqualTo(members.Select(row => $"train/{row[0]}:{(row[1].StartsWith("./", StringComparison.Ordinal) ? row[1][2..] : row[1])}")));
            Assert.That(Pixels(archives), Is.EqualTo(Pixels(files)));
            Assert.That(Labels(archives), Is.EqualTo(Labels(files)));
            Assert.That(archives.IsGrey, Is.False);
            Assert.That(archives.SizeOf(0), Is.EqualTo(files.SizeOf(0)));
        });
        foreach (string path in Directory.GetFiles(folder["train"]))
        {
            var ours = TarIndex.Members(path).Select(member => $"{member.Offset} {member.Length}");
            Assert.That(ours, Is.EqualTo(members.Where(row => row[0] == Path.GetFileName(path)).Select(row => $"{row[2]} {row[3]}")), path);
        }
    }

    [Test]
    public void ClassArchives_MayLieInTheDataFolderItself_AndMayHaveAnyNames()
    {
        using var folder = new TemporaryFolder();
        Tar(folder["zebra.tar"], ("1.png", TestData.Png(1)), ("sub/2.png", TestData.Png(2)), ("notes.txt", [1, 2]), ("._1.png", [0]));
        Tar(folder["ant.tar"], ("1.png", TestData.Png(3)));
        Tar(folder["train.tar"], ("1.png", TestData.Png(4)));
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.Multiple(() =>
        {
            Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "ant", "train", "zebra" }));
            Assert.That(Names(dataset), Is.EqualTo(new[] { "ant.tar:1.png", "train.tar:1.png", "zebra.tar:1.png", "zebra.tar:sub/2.png" }));
            Assert.That(() => ImageDatasets.Open(folder.Path, DatasetSplit.Test), Throws.TypeOf<UsageException>().With.Message.Contains("no test images"));
        });
    }

    [TestCase(false, true), TestCase(true, false)]
    public void FlatValidation_TakesTheDevelopmentKitsLabels(bool compressed, bool inArchive)
    {
        using var folder = new TemporaryFolder();
        Images(folder, "images", 1);
        PythonOracle.Run("make_imagenet.py", folder.Path, compressed ? "1" : "0");
        Validation(folder, 5, inArchive);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Test);

        // Ground truth 3, 1, 2, 1, 3 by ILSVRC2012_ID; labels by the order of the names.
        Assert.Multiple(() =>
        {
            Assert.That(dataset.ClassNames, Is.EqualTo(s_synsets));
            Assert.That(Labels(dataset), Is.EqualTo(new[] { 0, 2, 1, 2, 0 }));
            Assert.That(dataset.NameOf(1), Is.EqualTo(inArchive ? "ILSVRC2012_img_val.tar:ILSVRC2012_val_00000002.JPEG" : "val/ILSVRC2012_val_00000002.JPEG"));
            Assert.That(Pixels(dataset).Distinct().Count(), Is.EqualTo(5));
        });
    }

    [TestCase("", ""), TestCase("ILSVRC/Data/CLS-LOC/", "")]
    public void FlatValidation_TakesKagglesLabels(string root, string place)
    {
        using var folder = new TemporaryFolder();
        Images(folder, root + "train", 2);
        for (int i = 1; i <= 3; i++)
            File.WriteAllBytes(folder[$"{root}val/ILSVRC2012_val_{i:D8}.JPEG"], TestData.Png((uint)i));
        File.WriteAllText(folder[place + "LOC_val_solution.csv"],
            "ImageId,PredictionString\nILSVRC2012_val_00000003,n01440764 1 2 3 4 n01440764 5 6 7 8\nILSVRC2012_val_00000001,n02119789 85 1 499 272\n"
            + "ILSVRC2012_val_00000002,n02100735 1 1 2 2\n");
        File.WriteAllLines(folder["LOC_synset_mapping.txt"], s_synsets.Select(name => $"{name} a name, another name"));
        using IImageDataset train = ImageDatasets.Open(folder.Path, DatasetSplit.Train), test = ImageDatasets.Open(folder.Path, DatasetSplit.Test);
        Assert.Multiple(() =>
        {
            Assert.That(train.Count, Is.EqualTo(6));
            Assert.That(test.ClassNames, Is.EqualTo(train.ClassNames));
            Assert.That(Labels(test), Is.EqualTo(new[] { 2, 1, 0 }));
        });
        File.WriteAllText(folder["LOC_synset_mapping.txt"], "n01440764 tench\nn02100735 English setter\n");
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "n02119789", "LOC_synset_mapping.txt");
    }

    [Test]
    public void Subsets_WorkInEveryPart()
    {
        using var folder = new TemporaryFolder();
        Images(folder, "images", 2);
        PythonOracle.Run("make_imagenet.py", folder.Path, "1");
        Validation(folder, 5, inArchive: false);
        File.WriteAllText(folder["two.txt"], "# foxes and fish\nn02119789 kit fox\n\nn01440764\ttench\n");
        var options = new ImageDatasetOptions { Classes = ClassSubset.Load(folder["two.txt"]) };
        using IImageDataset train = ImageDatasets.Open(folder.Path, DatasetSplit.Train, options), test = ImageDatasets.Open(folder.Path, DatasetSplit.Test, options);
        Assert.Multiple(() =>
        {
            Assert.That(train.ClassNames, Is.EqualTo(new[] { "n01440764", "n02119789" }));
            Assert.That(Labels(train), Is.EqualTo(new[] { 0, 0, 1, 1 }));
            Assert.That(test.ClassNames, Is.EqualTo(train.ClassNames));
            Assert.That(Labels(test), Is.EqualTo(new[] { 0, 1, 1, 0 }));
            Assert.That(test.NameOf(3), Is.EqualTo("val/ILSVRC2012_val_00000005.JPEG"));
        });
        TestData.AssertMessage(
            Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train, new() { Classes = ClassSubset.Load("imagenette") })),
            "9 of the 10", "imagenette", "n02102040");
    }

    [Test]
    public void Damage_IsNamedByArchiveAndMember()
    {
        using var folder = new TemporaryFolder();
        Tar(folder["train/n01440764.tar"], ("a.JPEG", TestData.Png(1)), ("b.JPEG", TestData.Png(2)[..70]), ("c.JPEG", []), ("d.JPEG", Encoding.ASCII.GetBytes("<html>")));
        Tar(folder["train/n02119789.tar"], ("a.JPEG", TestData.Png(3)));
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        var reader = new ImageBatchReader(dataset, s_fit, new() { Damage = DamagePolicy.Skip(3) });
        int[] read = [.. reader.ReadAll().SelectMany(batch => batch.Indices.ToArray())];
        Assert.Multiple(() =>
        {
            Assert.That(read, Is.EqualTo(new[] { 0, 4 }));
            Assert.That(reader.Damaged.Select(image => image.Name), Is.EqualTo(new[] { "train/n01440764.tar:b.JPEG", "train/n01440764.tar:c.JPEG", "train/n01440764.tar:d.JPEG" }));
            Assert.That(reader.Damaged.Select(image => image.Reason), Has.One.Contains("truncated").And.One.Contains("empty").And.One.Contains("not a PNG"));
        });
    }

    [Test]
    public void BrokenArchives_AreNamed()
    {
        using var folder = new TemporaryFolder();
        string path = folder["train/n01440764.tar"];
        Tar(path, ("a.png", TestData.Png(1)), ("b.png", TestData.Png(2)));
        byte[] whole = File.ReadAllBytes(path);
        byte[] wrong = [.. whole];
        wrong[1024 + 512 + 10] ^= 0x55;
        foreach ((byte[] content, string[] words) in new (byte[], string[])[]
        {
            (whole[..1800], ["n01440764.tar", "truncated", "b.png"]),
            (whole[..700], ["n01440764.tar", "truncated", "a.png"]),
            (TestData.RandomBytes(4096, 1), ["n01440764.tar", "no tar archive"]),
            ([], ["n01440764.tar", "is empty"]),
            (new byte[10240], ["n01440764.tar", "no images"]),
        })
        {
            File.WriteAllBytes(path, content);
            TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), words);
        }

        Tar(path, ("a.png", TestData.Png(1)));
        Directory.CreateDirectory(folder["train/n02119789"]);
        TestData.AssertMessage(Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "class folders and 1 archives");
    }

    [Test]
    public void MissingOrWrongLabels_AreNamed()
    {
        using var folder = new TemporaryFolder();
        Images(folder, "train", 1);
        Validation(folder, 2, inArchive: false);
        DdoqException? Error() => Assert.Catch<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Test));
        TestData.AssertMessage(Error(), "val", "LOC_val_solution.csv", "meta.mat");

        string truth = folder["ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt"], meta = folder["ILSVRC2012_devkit_t12/data/meta.mat"];
        File.WriteAllText(truth, "1\n2\n");
        TestData.AssertMessage(Error(), "meta.mat is not beside it");
        File.WriteAllBytes(meta, TestData.RandomBytes(500, 3));
        TestData.AssertMessage(Error(), "meta.mat", "version 5");

        string csv = folder["LOC_val_solution.csv"];
        File.WriteAllText(csv, "ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 1 1 2 2\n");
        TestData.AssertMessage(Error(), "ILSVRC2012_val_00000002", "no line");
        File.WriteAllText(csv, "ImageId,PredictionString\nILSVRC2012_val_00000001,tench 1 1 2 2\n");
        TestData.AssertMessage(Error(), "line 2", "tench");
        File.WriteAllText(csv, "ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 1\nILSVRC2012_val_00000002,n99999999 1\n");
        TestData.AssertMessage(Error(), "n99999999", "train");
        File.WriteAllText(csv, "ImageId,PredictionString\nILSVRC2012_val_00000001,n01440764 1\nILSVRC2012_val_00000002,n01440764 1\n");
        TestData.AssertMessage(Error(), "no image of class n02100735");
    }

    [Test]
    public void MissingParts_AreNamed()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["ILSVRC/Data/CLS-LOC/train"]);
        foreach (DatasetSplit split in new[] { DatasetSplit.Train, DatasetSplit.Test })
            TestData.AssertMessage(Assert.Throws<UsageException>(() => ImageDatasets.Open(folder.Path, split)), split == DatasetSplit.Train ? "CLS-LOC has no images" : "no test images");
        Tar(folder["ILSVRC2012_img_val.tar"], ("ILSVRC2012_val_00000001.JPEG", TestData.Png(1)));
        TestData.AssertMessage(Assert.Throws<UsageException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train)), "ILSVRC2012_img_val.tar but no train/");
    }

    [Test]
    public void AFolderOfImages_IsNoSplitByItsNameAlone()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["val/1.png"], TestData.Png(1));
        File.WriteAllBytes(folder["oak/1.png"], TestData.Png(2));
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "oak", "val" }));
    }

    // ImageNet-1K has a PNG that is called .JPEG.
    [Test]
    public void MislabelledFiles_AreDecoded_WhereClassesAreSynsets()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["train/n02105855/n02105855_2933.JPEG"], TestData.Png(1));
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(Pixels(dataset), Has.Length.EqualTo(1));
    }

    [Test]
    public void ManyArchives_NeedFewOpenFiles_AndManyThreads()
    {
        using var folder = new TemporaryFolder();
        for (int i = 0; i < 300; i++)
            Tar(folder[$"train/c{i:D3}.tar"], ("0.png", TestData.Png((uint)i)), ("1.png", TestData.Png((uint)i + 1000)));
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        string[] expected = [.. Pixels(dataset)];
        var found = new string[dataset.Count];
        Parallel.For(0, 8 * dataset.Count, new ParallelOptions { MaxDegreeOfParallelism = 16 }, i =>
        {
            int index = (int)(i * 7919L % dataset.Count);
            found[index] = Pixels(dataset, index);
        });
        Assert.That(found, Is.EqualTo(expected));
        if (OperatingSystem.IsLinux())
        {
            int open = Directory.GetFiles("/proc/self/fd").Count(path => File.ResolveLinkTarget(path, false)?.FullName.Contains(folder.Path, StringComparison.Ordinal) == true);
            Assert.That(open, Is.InRange(1, 64));
        }
    }

    [Test]
    public void Fingerprint_FollowsNamesLabelsAndLengths_NotThePlace()
    {
        using TemporaryFolder first = new(), second = new(), other = new();
        foreach ((TemporaryFolder folder, uint seed, string name) in new[] { (first, 1u, "a.png"), (second, 1u, "a.png"), (other, 1u, "b.png") })
            Tar(folder["train/n01440764.tar"], (name, TestData.Png(seed)));
        string Of(TemporaryFolder folder)
        {
            using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
            return dataset.Fingerprint + dataset.ComputeContentDigest();
        }

        Assert.That(Of(second), Is.EqualTo(Of(first)));
        Assert.That(Of(other), Is.Not.EqualTo(Of(first)));
    }

    private static void Images(TemporaryFolder folder, string part, int perClass)
    {
        for (int label = 0; label < s_synsets.Length; label++)
        {
            for (int i = 0; i < perClass; i++)
                File.WriteAllBytes(folder[$"{part}/{s_synsets[label]}/{s_synsets[label]}_{i}.JPEG"], TestData.Png((uint)(100 * label + i)));
        }
    }

    private static void Validation(TemporaryFolder folder, int count, bool inArchive)
    {
        var images = Enumerable.Range(1, count).Select(i => (Name: string.Create(CultureInfo.InvariantCulture, $"ILSVRC2012_val_{i:D8}.JPEG"), Content: TestData.Png((uint)(500 + i)))).ToArray();
        if (inArchive)
            Tar(folder["ILSVRC2012_img_val.tar"], images);
        else
            Array.ForEach(images, image => File.WriteAllBytes(folder[$"val/{image.Name}"], image.Content));
    }

    internal static void Tar(string path, params (string Name, byte[] Content)[] members)
    {
        using var tar = new TarWriter(File.Create(path), TarEntryFormat.Ustar);
        foreach ((string name, byte[] content) in members)
            tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
    }

    internal static string[] Names(IImageDataset dataset) => [.. Enumerable.Range(0, dataset.Count).Select(dataset.NameOf)];

    internal static int[] Labels(IImageDataset dataset) => [.. Enumerable.Range(0, dataset.Count).Select(dataset.LabelOf)];

    internal static string[] Pixels(IImageDataset dataset) => [.. Enumerable.Range(0, dataset.Count).Select(i => Pixels(dataset, i))];

    internal static string Pixels(IImageDataset dataset, int index)
    {
        byte[] pixels = new byte[3 * 64];
        dataset.ReadRgb(index, s_fit, pixels);
        return Convert.ToHexString(pixels);
    }
}
