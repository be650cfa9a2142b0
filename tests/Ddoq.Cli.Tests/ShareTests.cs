namespace Ddoq.Cli.Tests;

/// <summary>Every stage in shares: in one folder or in several, joined to the very files of one whole run.</summary>
public class ShareTests
{
    private const int Shares = 3;
    private string _folder = string.Empty;

    [OneTimeSetUp]
    public void RunWhole()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-shares-").FullName;
        SmallData.Create(At("data"), trainPerClass: 12, testPerClass: 2);
        foreach (string stage in (string[])["encode", "quantize", "synthesize", "select", "label", "train"])
            Program.Run([stage, .. Arguments(stage, "whole")]).Succeeded();
    }

    [OneTimeTearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void SharesInOneFolder_AreTheBytesOfOneRun([Values("encode", "quantize", "synthesize", "select", "label", "train")] string stage)
    {
        string run = $"one-{stage}";
        Prepare(stage, run);

        // Out of order, and one twice: a share that comes again finds its units done.
        foreach (int number in (int[])[2, 1, 2])
            Program.Run([stage, .. Arguments(stage, run), "--shard", $"{number}/{Shares}"]).Succeeded();
        string output = OutputOf(stage, run);
        Program.Run("merge", output).FailedWith(1, stage == "quantize" ? "is not quantised yet" : "shares not done: 3 of 3");
        Program.Run([stage, .. Arguments(stage, run), "--shard", $"{Shares}/{Shares}"]).Succeeded();
        Assert.That(Directory.Exists(Path.Combine(output, "shares")), Is.False, "the last share joins");
        AssertSame(stage, run);
        Program.Run("merge", output).Succeeded();
        AssertSame(stage, run);
    }

    [Test]
    public void SharesInFoldersOfTheirOwn_AreMerged_ToTheBytesOfOneRun([Values("encode", "quantize", "synthesize", "select", "label", "train")] string stage)
    {
        var parts = new List<string>();
        for (int number = 1; number <= Shares; number++)
        {
            string run = $"part-{stage}-{number}";
            Prepare(stage, run);
            Program.Run([stage, .. Arguments(stage, run), "--shard", $"{number}/{Shares}", "--scratch", At("scratch")]).Succeeded();
            Assert.That(Directory.EnumerateFileSystemEntries(At("scratch")), Is.Empty, "what was written there is at its place");
            parts.Add(OutputOf(stage, run));
        }

        string merged = $"merged-{stage}";
        Prepare(stage, merged);
        Program.Run(["merge", .. parts.Take(2), "-o", OutputOf(stage, merged)]).FailedWith(1, stage == "quantize" ? "is not quantised yet" : "missing");
        Program.Run(["merge", .. parts, "-o", OutputOf(stage, merged)]).Succeeded();
        AssertSame(stage, merged);
    }

    [Test]
    public void AShareOfAnotherRun_OrAUnitMadeTwiceDifferently_IsRefused()
    {
        foreach (int number in (int[])[1, 2])
        {
            Program.Run(["synthesize", .. Arguments("synthesize", $"twice-{number}"), "--shard", $"{number}/2"]).Succeeded();
            Program.Run(["synthesize", .. Arguments("synthesize", $"other-{number}"), "--seed", "7", "--shard", $"{number}/2"]).Succeeded();
        }

        string[] parts = [At("twice-1", "set"), At("twice-2", "set")];
        Program.Run("merge", parts[0], At("other-2", "set"), "-o", At("wrong")).FailedWith(1, "belongs to another run", "seed is 7 instead of 0");
        string image = Directory.EnumerateFiles(Path.Combine(parts[0], "train"), "*.png", SearchOption.AllDirectories).First();
        string copy = Path.Combine(parts[1], Path.GetRelativePath(parts[0], image));
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        File.Copy(image, copy);
        Program.Run(["merge", .. parts, "-o", At("equal")]).Succeeded();
        string other = Directory.EnumerateFiles(Path.Combine(parts[0], "train"), "*.png", SearchOption.AllDirectories).Last();
        File.Copy(other, copy, overwrite: true);
        Program.Run(["merge", .. parts, "-o", At("unequal")]).FailedWith(1, "made twice", Path.GetFileName(copy));
    }

    [Test]
    public void CandidatesAndTheirSelection_InShares_AreTheBytesOfOneRun()
    {
        string[] draw = ["synthesize", "--prototypes", At("whole", "prototypes"), "--num-inference-steps", "2", "--batch-size", "4", "--candidates", "2", "-o"];
        string[] select = ["select", "--from", At("drawn"), "--latents", At("whole", "latents"), "-o"];
        Program.Run([.. draw, At("drawn")]).Succeeded();
        Program.Run([.. draw, At("drawn-1"), "--shard", "1/2"]).Succeeded();
        Program.Run("merge", At("drawn-1")).FailedWith(1, "candidate 0 of prototype");
        Program.Run([.. draw, At("drawn-2"), "--shard", "2/2"]).Succeeded();
        Program.Run("merge", At("drawn-1"), At("drawn-2"), "-o", At("drawn-both")).Succeeded();
        Assert.That(Snapshot.Of(At("drawn-both")), Is.EqualTo(Snapshot.Of(At("drawn"))));
        Program.Run([.. select, At("kept")]).Succeeded();
        for (int number = 1; number <= 2; number++)
            Program.Run([.. select, At("kept-shared"), "--shard", $"{number}/2"]).Succeeded();
        Assert.That(Snapshot.Of(At("kept-shared")), Is.EqualTo(Snapshot.Of(At("kept"))));
    }

    [Test]
    public void WeightsFromTheImages_OfShares_AreThoseOfOneRun()
    {
        string[] draw = ["synthesize", "--prototypes", At("whole", "prototypes"), "--latents", At("whole", "latents"), "--weights-from", "images", "--num-inference-steps", "2", "--batch-size", "4", "-o"];
        Program.Run([.. draw, At("weighed")]).Succeeded();
        for (int number = 1; number <= 2; number++)
            Program.Run([.. draw, At("weighed-one"), "--shard", $"{number}/2"]).Succeeded();
        Assert.That(Snapshot.Of(At("weighed-one")), Is.EqualTo(Snapshot.Of(At("weighed"))));

        // Joining has no model: it says which command goes on, and that gives the same files.
        for (int number = 1; number <= 2; number++)
            Program.Run([.. draw, At($"weighed-{number}"), "--shard", $"{number}/2"]).Succeeded();
        Outcome merged = Program.Run("merge", At("weighed-1"), At("weighed-2"), "-o", At("weighed-both")).Succeeded();
        Assert.That(merged.Error, Does.Contain("without --shard").And.Contain(At("weighed-both")));
        Assert.That(Snapshot.Of(At("weighed-both")), Is.Not.EqualTo(Snapshot.Of(At("weighed"))));
        Program.Run([.. draw, At("weighed-both")]).Succeeded();
        Assert.That(Snapshot.Of(At("weighed-both")), Is.EqualTo(Snapshot.Of(At("weighed"))));
    }

    [Test]
    public void DamagedImages_AreCountedOverAllShares()
    {
        string data = At("png");
        byte[][][] images = SmallData.Images("train", 4);
        string[] names = File.ReadAllLines(Path.Combine(Program.Sample, "classes.txt"));
        for (int label = 0; label < 10; label++)
        {
            string folder = Directory.CreateDirectory(Path.Combine(data, "train", names[label].Replace('/', '_'))).FullName;
            for (int k = 0; k < 4; k++)
                File.WriteAllBytes(Path.Combine(folder, $"{k}.png"), (label, k) is (8, 1) or (7, 3) ? images[label][k][..60] : images[label][k]);
        }

        string[] arguments = ["encode", "--data-dir", data, "--rows-per-shard", "8", "--max-damaged"];
        Program.Run([.. arguments, "2", "-o", At("damaged-whole")]).Succeeded();
        for (int number = 1; number <= 2; number++)
            Program.Run([.. arguments, "2", "-o", At("damaged"), "--shard", $"{number}/2"]).Succeeded();
        Assert.That(Snapshot.Of(At("damaged")), Is.EqualTo(Snapshot.Of(At("damaged-whole"))));
        Assert.That(File.ReadAllLines(At("damaged", "damaged.csv")), Has.Length.EqualTo(3));

        // Each share stays within the limit, both together do not.
        Program.Run([.. arguments, "1", "-o", At("many"), "--shard", "1/2"]).Succeeded();
        Program.Run([.. arguments, "1", "-o", At("many"), "--shard", "2/2"]).FailedWith(1, "2 of 40 images are damaged, 1 are allowed");
    }

    [Test]
    public void APlan_LeavesLabelsOut_WhereTheTeacherHasOtherClasses_AndTheProtocolNeedsNone()
    {
        File.WriteAllLines(At("three.txt"), ["Bag", "Coat", "Sneaker"]);
        string[] arguments =
        [
            "plan", "--data-dir", At("data"), "--classes", At("three.txt"), "--model", Program.Model, "--start-alpha-bar", "1", "--ipc", "2",
            "--updates", "5", "--train-batch-size", "5", "--network-width", "16", "-o", At("planned"),
        ];
        Outcome plan = Program.Run([.. arguments, "--protocol", "small-image"]).Succeeded();
        Assert.That(plan.Error, Does.Contain("without 'label'"));
        Assert.That(Directory.EnumerateFiles(At("planned"), "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file).Contains("label", StringComparison.Ordinal)), Is.Empty);
        Program.Run([.. arguments, "--protocol", "stored-soft"]).FailedWith(1, "10 classes");
    }

    [Test]
    public void WhatSharesCannotDo_IsRefused()
    {
        Program.Run(["encode", .. Arguments("encode", "x"), "--shard", "1/2", "--force"]).FailedWith(2, "--force with --shard");
        Program.Run("select", "--data-dir", At("data"), "--shard", "1/2", "-o", At("x")).FailedWith(2, "the rows to choose by are not there", "--latents");
        Program.Run("select", "--data-dir", At("data"), "--latents", At("whole", "latents"), "--objective", "nearest", "--shard", "1/2", "-o", At("x")).FailedWith(2, "needs centres", "--prototypes");
        Program.Run("merge", At("data")).FailedWith(1);
        Program.Run(["encode", .. Arguments("encode", "x"), "--shard", "auto"]).FailedWith(2, "SLURM_ARRAY_TASK_ID");
    }

    private string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    // What the stage works on, of the whole run; label writes into its set, so that it needs a copy.
    private void Prepare(string stage, string run)
    {
        if (stage != "label")
            return;
        foreach (string path in Directory.EnumerateFiles(At("whole", "set"), "*", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(At("whole", "set"), path);
            if (name.StartsWith("labels", StringComparison.Ordinal) || name.StartsWith("soft_labels", StringComparison.Ordinal))
                continue;
            Directory.CreateDirectory(Path.GetDirectoryName(At(run, "set", name))!);
            File.Copy(path, At(run, "set", name));
        }
    }

    private string OutputOf(string stage, string run) => stage switch
    {
        "encode" => At(run, "latents"),
        "quantize" => At(run, "prototypes"),
        "synthesize" => At(run, "set"),
        "select" => At(run, "coreset"),
        "label" => At(run, "set", "labels"),
        _ => At(run, "students"),
    };

    private string[] Arguments(string stage, string run) => stage switch
    {
        "encode" => ["--data-dir", At("data"), "--rows-per-shard", "16", "-o", OutputOf(stage, run)],
        "quantize" => ["--latents", At("whole", "latents"), "--ipc", "3", "-o", OutputOf(stage, run)],
        "synthesize" => ["--prototypes", At("whole", "prototypes"), "--num-inference-steps", "2", "--batch-size", "4", "-o", OutputOf(stage, run)],
        "select" => ["--data-dir", At("data"), "--latents", At("whole", "latents"), "--ipc", "3", "-o", OutputOf(stage, run)],
        "label" => ["--distilled", At(run, "set"), "--class-check", "warn"],
        _ => ["--data-dir", At("data"), "--distilled", At("whole", "set"), "--protocol", "small-image", "--updates", "4", "--repeats", "4", "--network-width", "16", "-o", OutputOf(stage, run)],
    };

    private void AssertSame(string stage, string run)
    {
        string folder = stage == "label" ? At(run, "set") : OutputOf(stage, run), whole = stage == "label" ? At("whole", "set") : OutputOf(stage, "whole");

        // The prototypes of parts are read where they are: the classes' own files stay there. The whole run's set is labelled.
        string[] others = stage switch { "quantize" => ["classes/"], "synthesize" => ["labels/", "soft_labels."], _ => [] };
        Assert.That(Of(folder), Is.EqualTo(Of(whole)));
        KeyValuePair<string, string>[] Of(string path) =>
            [.. Snapshot.Of(path).Where(file => !others.Any(other => file.Key.StartsWith(other, StringComparison.Ordinal)))];
    }
}
