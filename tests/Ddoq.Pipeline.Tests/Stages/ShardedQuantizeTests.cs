using Ddoq.Distilled;
using Ddoq.Latents;
using Ddoq.Numerics;
using Ddoq.Pipeline.Stages;
using Ddoq.Quantization;

namespace Ddoq.Pipeline.Tests.Stages;

public class ShardedQuantizeTests
{
    private static readonly int[] s_rows = [40, 7, 40, 25, 3, 18, 40];
    private static readonly LatentShape s_shape = new(2, 3, 3);
    private string _folder = string.Empty;

    [SetUp]
    public void WriteLatents()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-shares-").FullName;
        var info = new LatentStoreInfo { Shape = s_shape, ClassNames = [.. s_rows.Select((_, c) => $"class, {c}")] };
        using var writer = LatentStoreWriter.Open(Latents, info, s_rows.Sum(), rowsPerShard: 50);
        var random = new CounterRandom(3, 1);
        for (int c = 0; c < s_rows.Length; c++)
        {
            for (int i = 0; i < s_rows[c]; i++)
            {
                var values = new float[s_shape.Length];
                random.FillGaussian(values);
                writer.Append(values, [c]);
            }
        }

        writer.Complete();
    }

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Shares_AreDisjoint_Complete_AndBalanced([Values(1, 2, 3, 7, 9)] int count)
    {
        using LatentStore store = LatentStore.Open(Latents);
        IReadOnlySet<int>[] shares = [.. Enumerable.Range(1, count).Select(number => new Share(number, count).Of(store))];
        Assert.That(shares.SelectMany(share => share).Order(), Is.EqualTo(Enumerable.Range(0, s_rows.Length)));
        if (count is 2 or 3)
        {
            int[] rows = [.. shares.Select(share => share.Sum(c => s_rows[c]))];
            Assert.That(rows.Max() - rows.Min(), Is.LessThanOrEqualTo(40));
        }
    }

    [TestCase("0/2")]
    [TestCase("3/2")]
    [TestCase("1")]
    [TestCase("1/2/3")]
    [TestCase("-1/2")]
    [TestCase("a/b")]
    [TestCase("")]
    public void Share_ThatIsNone_IsAUsageError(string text) =>
        Assert.That(() => Share.Parse(text), Throws.TypeOf<UsageException>().With.Message.Contain($"'{text}'").And.Message.Contain("I/N"));

    [Test]
    public void SharesInOneFolder_LastOneCompletes_AndTheBytesAreThoseOfOneRun()
    {
        Run("whole");
        Assert.That(Run("shared", new Share(2, 3)).IsComplete, Is.False);
        Assert.That(Run("shared", new Share(1, 3)).IsComplete, Is.False);
        Assert.That(File.Exists(InFolder("shared", PrototypeSet.FileName)), Is.False);
        Assert.That(Run("shared", new Share(3, 3)).IsComplete, Is.True);
        AssertSameResult("shared");
    }

    [Test]
    public void SharesThatAKillBehindTheEndLeaves_GoAtTheNextRun()
    {
        Run("whole");
        Directory.CreateDirectory(InFolder("whole", ShareFolder.Name));
        File.WriteAllText(Path.Combine(InFolder("whole", ShareFolder.Name), "plan.json"), "{}");
        Assert.That(Run("whole").IsComplete, Is.True);
        Assert.That(Directory.Exists(InFolder("whole", ShareFolder.Name)), Is.False);
    }

    [Test]
    public void SharesInFoldersOfTheirOwn_AreMerged_ToTheBytesOfOneRun([Values] bool intoAPart)
    {
        Run("whole");
        for (int number = 1; number <= 3; number++)
            Run($"part{number}", new Share(number, 3));
        string output = intoAPart ? "part2" : "merged";
        MergeStage.Run([Folder("part1"), Folder("part2"), Folder("part3")], Folder(output), Context());
        AssertSameResult(output);
        Assert.That(() => MergeStage.Run([Folder("part1"), Folder("part2"), Folder("part3")], Folder(output), Context()), Throws.Nothing, "complete already");
    }

    [Test]
    public void Merge_WithAShareMissing_SaysSo_AndWritesNothing()
    {
        Run("part1", new Share(1, 3));
        Run("part2", new Share(2, 3));
        Assert.That(
            () => MergeStage.Run([Folder("part1"), Folder("part2")], Folder("merged"), Context()),
            Throws.TypeOf<DdoqException>().With.Message.Contain("is not quantised yet").And.Message.Contain("of 7"));
        Assert.That(File.Exists(InFolder("merged", PrototypeSet.FileName)), Is.False);

        // The share that comes late is all that is needed.
        Run("part3", new Share(3, 3));
        MergeStage.Run([Folder("part1"), Folder("part2"), Folder("part3")], Folder("merged"), Context());
        Run("whole");
        AssertSameResult("merged");
    }

    [Test]
    public void Merge_OfOtherThings_IsRefused()
    {
        Run("part1", new Share(1, 2));
        Run("other", new Share(2, 2), seed: 9);
        Assert.Multiple(() =>
        {
            Assert.That(() => MergeStage.Run([Folder("part1"), Folder("other")], Folder("merged"), Context()), Throws.TypeOf<DdoqException>().With.Message.Contain("seed is 9 instead of 1"));
            Assert.That(() => MergeStage.Run([Folder("nowhere")], Folder("merged"), Context()), Throws.TypeOf<DdoqException>().With.Message.Contain("does not exist"));
            Assert.That(() => MergeStage.Run([Latents], Folder("merged"), Context()), Throws.TypeOf<DdoqException>());
            Assert.That(() => MergeStage.Run([Folder("part1")], Folder("part1"), Context() with { Force = true }), Throws.TypeOf<UsageException>().With.Message.Contain("--force"));
            Assert.That(() => MergeStage.Run([], Folder("merged"), Context()), Throws.TypeOf<UsageException>());
        });
    }

    [Test]
    public void DamagedCheckpoint_IsComputedAgain_OthersAreKept()
    {
        Run("whole");
        Run("part", new Share(1, 2));
        string[] files = [.. Directory.GetFiles(InFolder("part", "classes")).Order(StringComparer.Ordinal)];
        byte[] content = File.ReadAllBytes(files[0]);
        File.WriteAllBytes(files[0], content[..^5]);
        DateTime kept = File.GetLastWriteTimeUtc(files[1]);
        Run("part", new Share(1, 2));
        Assert.That(File.ReadAllBytes(files[0]), Is.EqualTo(content));
        Assert.That(File.GetLastWriteTimeUtc(files[1]), Is.EqualTo(kept));
        Run("part", new Share(2, 2));
        AssertSameResult("part");
    }

    [Test]
    public void Quality_HasEveryClass_AndItsSummary()
    {
        Run("whole");
        string[] lines = File.ReadAllLines(InFolder("whole", QuantizationQuality.FileName));
        QualitySummary summary = QuantizationQuality.Summarise(InFolder("whole", QuantizationQuality.FileName));
        using PrototypeSet set = PrototypeSet.Load(InFolder("whole", PrototypeSet.FileName));
        Assert.Multiple(() =>
        {
            Assert.That(lines, Has.Length.EqualTo(1 + s_rows.Length));
            Assert.That(lines[5], Does.StartWith("4,\"class, 4\",3,3,").And.EndWith(",0,3,3,1,1"), "three rows, three cells of one row");
            Assert.That(summary.Classes, Is.EqualTo(s_rows.Length));
            Assert.That(summary.Rows, Is.EqualTo(s_rows.Sum()));
            Assert.That(summary.Centres, Is.EqualTo(set.TotalCenters));
            Assert.That(summary.HeldOutDistortion, Is.GreaterThan(summary.Distortion));
            Assert.That(summary.EmptyCells, Is.Zero);
            Assert.That(File.ReadAllText(InFolder("whole", "classes-timing.json")), Does.Contain("\"6\": "));
        });
    }

    [Test]
    public void MemoryLimit_ThatChangesDigits_IsAnotherRun_OneThatDoesNotIsTheSame()
    {
        Run("whole");
        Run("limited", memory: 1L << 30);
        AssertSameResult("limited");
        Assert.That(
            () => Run("low", memory: 100L << 20),
            Throws.TypeOf<DdoqException>().With.Message.Contain("the memory limit of 100 MiB is too low").And.Message.Contain("class 0 'class, 0' with 40 rows"));
    }

    private string Latents => Folder("latents");

    private string Folder(string name) => Path.Combine(_folder, name);

    private string InFolder(string name, string file) => Path.Combine(_folder, name, file);

    private static StageContext Context() => new(NullProgress.Instance, 2, false, CancellationToken.None);

    private QuantizeResult Run(string output, Share? share = null, ulong seed = 1, long memory = 0) => QuantizeStage.Run(
        new QuantizeOptions { Quantizer = new QuantizerOptions { CentroidCount = 4, Seed = seed, HoldOutFraction = 0.2, MemoryLimit = memory }, Device = "cpu" },
        Latents,
        Folder(output),
        Context() with { Share = share ?? Share.All });

    private void AssertSameResult(string folder)
    {
        foreach (string file in (string[])[PrototypeSet.FileName, QuantizationQuality.FileName, "stage.json"])
            Assert.That(File.ReadAllBytes(InFolder(folder, file)), Is.EqualTo(File.ReadAllBytes(InFolder("whole", file))), file);
    }
}
