namespace Ddoq.Cli.Tests;

/// <summary>Encoding straight from archives: damage, subsets, interruptions, workers.</summary>
[NonParallelizable]
public class ArchiveEncodeTests
{
    private static readonly string[] s_classes = ["Bag", "Coat", "Dress"];

    private string _folder = string.Empty;

    [SetUp]
    public void Create() => _folder = Directory.CreateTempSubdirectory("ddoq-archives-").FullName;

    [TearDown]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void DamagedMembers_AreNamedSkippedAndListed_AndBytesFollowNeitherWorkersNorKills()
    {
        // Damage at a shard's start and end, a whole shard of it, and the last image.
        bool IsDamaged(string name, int i) => name switch
        {
            "Bag" => i is 0 or 63,
            "Coat" => i is >= 28 and < 92,
            _ => i == 299,
        };
        string data = Archives.Create(Path.Combine(_folder, "data"), s_classes, 300, (name, i) => !IsDamaged(name, i) ? null : i % 2 == 0 ? [] : Png.Grey(28, 28)[..^40]);
        string reference = Path.Combine(_folder, "reference"), other = Path.Combine(_folder, "other"), killed = Path.Combine(_folder, "killed");
        Outcome run = Program.Run(Arguments(data, reference, 2)).Succeeded();
        Program.Run(Arguments(data, other, 1)).Succeeded();
        bool wasKilled = Program.RunAndKill(() => Shards(killed) > 3, Arguments(data, killed, 2));
        Assert.That(wasKilled, Is.True, "the run ended before it could be killed");
        Outcome resumed = Program.Run(Arguments(data, killed, 2)).Succeeded();
        string[] lines = File.ReadAllLines(Path.Combine(reference, "damaged.csv"));
        Assert.Multiple(() =>
        {
            Assert.That(run.Error, Does.Contain("skipped: train/Bag.tar:Bag_0.JPEG: the file is empty"));
            Assert.That(resumed.Error, Does.Contain("skipped: train/Bag.tar:Bag_0.JPEG: the file is empty"));
            Assert.That(run.Output, Does.Contain("833"));
            Assert.That(lines, Has.Length.EqualTo(68));
            Assert.That(lines[0], Is.EqualTo("image,reason"));
            Assert.That(lines[1], Is.EqualTo("train/Bag.tar:Bag_0.JPEG,the file is empty"));
            Assert.That(lines[^1], Does.StartWith("train/Dress.tar:Dress_299.JPEG,").And.Contain("truncated"));
            Assert.That(Snapshot.Of(other), Is.EqualTo(Snapshot.Of(reference)));
            Assert.That(Snapshot.Of(killed), Is.EqualTo(Snapshot.Of(reference)));
        });

        // The same images without the damaged ones have the same latents.
        Program.Run("encode", "--data-dir", data, "-o", reference, "--rows-per-shard", "64", "--max-damaged", "66").FailedWith(1, "67 damaged images", "damaged.csv");
        Program.Run("encode", "--data-dir", data, "-o", Path.Combine(_folder, "few"), "--rows-per-shard", "64", "--max-damaged", "5").FailedWith(1, "more than 5 of 900", "Coat.tar:Coat_", "--max-damaged");
    }

    [Test]
    public void AfterRaisingTheLimit_TheRunGoesOn()
    {
        string data = Archives.Create(Path.Combine(_folder, "data"), s_classes, 40, (name, i) => i == 39 ? [1, 2, 3] : null);
        string output = Path.Combine(_folder, "out"), whole = Path.Combine(_folder, "whole");
        string[] arguments = ["encode", "--data-dir", data, "--rows-per-shard", "16", "-o", output, "--max-damaged"];
        Program.Run([.. arguments, "1"]).FailedWith(1, "more than 1 of 120", "Coat_39.JPEG");
        Program.Run([.. arguments, "3"]).Succeeded();
        Program.Run("encode", "--data-dir", data, "--rows-per-shard", "16", "-o", whole, "--max-damaged", "9").Succeeded();
        Assert.That(Snapshot.OfResults(output), Is.EqualTo(Snapshot.OfResults(whole)));
    }

    [Test]
    public void AllImagesDamaged_IsAnError()
    {
        string data = Archives.Create(Path.Combine(_folder, "data"), ["Bag"], 3, (_, _) => [1]);
        Program.Run("encode", "--data-dir", data, "-o", Path.Combine(_folder, "out"), "--max-damaged", "3").FailedWith(1, "all 3 images");
    }

    [Test]
    public void Subsets_AreTheSameAsAFolderWithOnlyTheirClasses()
    {
        string all = Archives.Create(Path.Combine(_folder, "all"), s_classes, 20), some = Archives.Create(Path.Combine(_folder, "some"), ["Bag", "Dress"], 20, (name, i) => name == "Dress" ? Png.Grey(28, 28, (byte)((31 * i) + 14)) : null);
        string list = Path.Combine(_folder, "list"), subset = Path.Combine(_folder, "subset"), folder = Path.Combine(_folder, "folder");
        File.WriteAllText(list, "Dress\tworn\nBag\n");
        Program.Run("encode", "--data-dir", all, "--classes", list, "-o", subset).Succeeded();
        Program.Run("encode", "--data-dir", some, "-o", folder).Succeeded();
        Assert.That(Snapshot.OfResults(subset), Is.EqualTo(Snapshot.OfResults(folder)));
        Program.Run("encode", "--data-dir", all, "--classes", "imagewoof", "-o", folder).FailedWith(1, "10 of the 10", "n02086240");
        Program.Run("encode", "--data-dir", all, "--classes", "imagewolf", "-o", folder).FailedWith(2, "imagewolf", "imagenet-100");
    }

    [Test]
    public void Distill_FromArchivesWithDamagedImages_ReachesTheReport()
    {
        string[] classes = ["T-shirt_top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];
        byte[][][] train = SmallData.Images("train", 12), test = SmallData.Images("t10k", 3);
        string data = Path.Combine(_folder, "data"), output = Path.Combine(_folder, "out");

        // Most of a class is damaged, so that random images meet damaged ones too.
        Archives.Create(data, classes, 12, (name, i) => name == "Coat" && i > 1 ? [] : train[Array.IndexOf(classes, name)][i]);
        Archives.Create(data, classes, 3, (name, i) => name == "Bag" && i == 1 ? [1, 2] : test[Array.IndexOf(classes, name)][i], part: "val");
        string[] arguments =
        [
            "distill", "--data-dir", data, "-o", output, "--ipc", "2", "--num-inference-steps", "4", "--arms", "ddoq,random", "--updates", "3",
            "--repeats", "1", "--network-width", "16",
        ];
        Program.Run(arguments).FailedWith(1, "Coat.tar:Coat_2.JPEG", "empty");
        Outcome run = Program.Run([.. arguments, "--max-damaged", "10"]).Succeeded();
        Assert.Multiple(() =>
        {
            Assert.That(run.Error, Does.Contain("skipped: train/Coat.tar:Coat_11.JPEG").And.Contain("skipped: val/Bag.tar:Bag_1.JPEG"));
            Assert.That(Directory.GetFiles(Path.Combine(output, "distilled", "random", "seed-0", "train", "Coat"), "*.png"), Has.Length.EqualTo(2));
            Assert.That(File.Exists(Path.Combine(output, "report.html")));
        });
    }

    [Test]
    public void TruncatedArchive_IsNamed()
    {
        string data = Archives.Create(Path.Combine(_folder, "data"), s_classes, 5), archive = Path.Combine(data, "train", "Coat.tar");
        File.WriteAllBytes(archive, File.ReadAllBytes(archive)[..2000]);
        Program.Run("encode", "--data-dir", data, "-o", Path.Combine(_folder, "out")).FailedWith(1, "Coat.tar", "truncated", "Coat_");
    }

    [Test]
    public void UnknownFolder_ListsEveryLayout()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "data"));
        Program.Run("encode", "--data-dir", Path.Combine(_folder, "data"), "-o", Path.Combine(_folder, "out"))
            .FailedWith(1, "no image dataset", "IDX", "ImageFolder", "LOC_val_solution.csv", "WebDataset", "Parquet");
    }

    private static int Shards(string folder) => Directory.Exists(folder) ? Directory.GetFiles(folder, "latents-*.safetensors").Length : 0;

    private static string[] Arguments(string data, string output, int workers) =>
        ["encode", "--data-dir", data, "-o", output, "--rows-per-shard", "64", "--max-damaged", "100", "--workers", $"{workers}"];
}
