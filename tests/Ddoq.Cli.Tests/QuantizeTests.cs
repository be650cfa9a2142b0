using System.Diagnostics;
using System.Text.Json;
using Ddoq.Latents;
using Ddoq.Numerics;

namespace Ddoq.Cli.Tests;

/// <summary><c>ddoq quantize</c>, <c>merge</c> and <c>inspect</c> as processes: kills, shares, limits, and bad stores and disks.</summary>
public class QuantizeTests
{
    private const int Classes = 40;
    private static readonly LatentShape s_shape = new(4, 8, 8);
    private string _folder = string.Empty;

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("ddoq-quantize-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void KilledTwice_ThenRepeated_EndsWithTheSameBytes_WithoutRepeatingClasses()
    {
        WriteStore(Classes, rows: 400);
        Quantize("whole").Succeeded();
        string classes = Path.Combine(_folder, "killed", "classes");
        foreach (int done in (int[])[1, Classes / 2])
        {
            bool killed = Program.RunAndKill(() => Directory.Exists(classes) && Directory.GetFiles(classes, "0*.safetensors").Length >= done, Arguments("killed", "--workers", "2"));
            Assert.That(killed, Is.True, "the run ended before it could be killed");
        }

        Dictionary<string, DateTime> finished = Snapshot.Times(classes, "0*.safetensors");
        Assert.That(finished, Is.Not.Empty);
        Outcome resumed = Quantize("killed", "--workers", "1").Succeeded();
        Assert.Multiple(() =>
        {
            Assert.That(resumed.Error, Does.Contain($"{400 * finished.Count:N0} already done"));
            Assert.That(Snapshot.Of(Path.Combine(_folder, "killed")), Is.EqualTo(Snapshot.Of(Path.Combine(_folder, "whole"))));
            Assert.That(finished.Where(file => File.GetLastWriteTimeUtc(file.Key) != file.Value), Is.Empty, "finished work was repeated");
        });
    }

    [Test]
    public void SharesAtTheSameTime_InOneFolder_AndMergedFromTwo_GiveTheBytesOfOneRun()
    {
        WriteStore(Classes, rows: 100);
        Quantize("whole").Succeeded();
        Outcome[] together = [.. new[] { "1/3", "2/3", "3/3" }.AsParallel().WithDegreeOfParallelism(3).Select(share => Quantize("together", "--shard", share, "--workers", "1"))];
        foreach (Outcome outcome in together)
            outcome.Succeeded();
        Outcome first = Quantize("a", "--shard", "1/2", "--json").Succeeded();
        Program.Run("merge", Path.Combine(_folder, "a"), "-o", Path.Combine(_folder, "ab")).FailedWith(1, "is not quantised yet", "of 40");
        Quantize("b", "--shard", "2/2").Succeeded();
        Program.Run("merge", Path.Combine(_folder, "a"), Path.Combine(_folder, "b"), "-o", Path.Combine(_folder, "ab")).Succeeded();
        using JsonDocument share = JsonDocument.Parse(first.Output);
        Outcome unfinished = Program.Run("inspect", "--json", Path.Combine(_folder, "a")).Succeeded();
        using JsonDocument part = JsonDocument.Parse(unfinished.Output);
        Assert.Multiple(() =>
        {
            Assert.That(share.RootElement.GetProperty("complete").GetBoolean(), Is.False);
            Assert.That(share.RootElement.GetProperty("share_classes").GetInt32(), Is.EqualTo(Classes / 2));
            Assert.That(part.RootElement.GetProperty("classes_done").GetInt32(), Is.EqualTo(Classes / 2));
            foreach (string folder in (string[])["together", "ab"])
            {
                foreach (string file in (string[])["prototypes.safetensors", "quality.csv", "stage.json"])
                    Assert.That(File.ReadAllBytes(Path.Combine(_folder, folder, file)), Is.EqualTo(File.ReadAllBytes(Path.Combine(_folder, "whole", file))), $"{folder}/{file}");
            }
        });
    }

    [Test]
    public void HeldOutRows_AreReported()
    {
        WriteStore(3, rows: 60);
        Outcome outcome = Quantize("out", "--holdout", "0.25", "--json").Succeeded();
        using JsonDocument result = JsonDocument.Parse(outcome.Output);
        string[] quality = File.ReadAllLines(Path.Combine(_folder, "out", "quality.csv"));
        Assert.Multiple(() =>
        {
            Assert.That(result.RootElement.GetProperty("held_out_distortion").GetDouble(), Is.GreaterThan(result.RootElement.GetProperty("distortion").GetDouble()));
            Assert.That(quality[0], Does.Contain("held_out_distortion").And.Contain("empty_cells,tiny_cells,effective_cells"));
            Assert.That(quality[1].Split(',')[7], Is.EqualTo("15"));
        });
    }

    [TestCase("--shard", "3/2", "I/N")]
    [TestCase("--shard", "x", "I/N")]
    [TestCase("--memory", "lots", "2GiB")]
    [TestCase("--memory", "-1", "2GiB")]
    [TestCase("--holdout", "1.5", "0.9")]
    public void WrongOption_IsAUsageError(string option, string value, string allowed)
    {
        WriteStore(1, rows: 4);
        Quantize("out", $"{option}={value}").FailedWith(2, value, allowed);
    }

    [Test]
    public void MemoryLimit_BelowTheLargestClass_SaysWhatItNeeds()
    {
        WriteStore(2, rows: 50);
        Quantize("out", "--memory", "64MiB").FailedWith(1, "64 MiB", "class 0 'class0' with 50 rows", "--memory");
        Quantize("out", "--memory", "1GiB").Succeeded();
    }

    [Test]
    public void ShardMissing_IsNamed()
    {
        WriteStore(4, rows: 50);
        File.Delete(Path.Combine(Latents, "latents-00002-of-00004.safetensors"));
        Quantize("out").FailedWith(1, "latents-00002-of-00004.safetensors' is missing");
    }

    [Test]
    public void ShardCut_IsNamed()
    {
        WriteStore(4, rows: 50);
        string shard = Path.Combine(Latents, "latents-00003-of-00004.safetensors");
        using (FileStream stream = File.OpenWrite(shard))
            stream.SetLength(stream.Length / 2);
        Quantize("out").FailedWith(1, "latents-00003-of-00004.safetensors", "cut off");
    }

    [Test]
    public void LabelOutOfRange_IsNamed_WithFileAndRow()
    {
        WriteStore(4, rows: 50);
        string shard = Path.Combine(Latents, "latents-00004-of-00004.safetensors");
        byte[] bytes = File.ReadAllBytes(shard);
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 8), 4);
        File.WriteAllBytes(shard, bytes);
        Quantize("out").FailedWith(1, "latents-00004-of-00004.safetensors': row 48 has label 4, allowed are 0 to 3");
    }

    [Test]
    public void InfiniteValue_IsNamed_AndFinishedClassesStay()
    {
        WriteStore(4, rows: 50);
        string shard = Path.Combine(Latents, "latents-00004-of-00004.safetensors");
        byte[] bytes = File.ReadAllBytes(shard);
        int data = bytes.Length - (50 * 4) - (50 * 512);
        BitConverter.TryWriteBytes(bytes.AsSpan(data + (7 * 512) + 6), Half.PositiveInfinity);
        File.WriteAllBytes(shard, bytes);
        Quantize("out", "--workers", "1").FailedWith(1, "latents-00004-of-00004.safetensors': row 7 (class 3 'class3') holds Infinity at value 3");
        Assert.Multiple(() =>
        {
            Assert.That(Directory.GetFiles(Path.Combine(_folder, "out", "classes"), "0*.safetensors"), Has.Length.EqualTo(3));
            Assert.That(File.Exists(Path.Combine(_folder, "out", "prototypes.safetensors")), Is.False);
        });
    }

    [Test]
    public void ClassesOfOneRow_OfKRows_AndOfFewer_AreQuantised()
    {
        WriteStore(4, rows: c => c switch { 0 => 1, 1 => 5, 2 => 3, _ => 40 });
        Outcome outcome = Quantize("out").Succeeded();
        string[] quality = File.ReadAllLines(Path.Combine(_folder, "out", "quality.csv"));
        Assert.Multiple(() =>
        {
            Assert.That(outcome.Error, Does.Contain("1 centres instead of 5").And.Contain("3 centres instead of 5"));
            Assert.That(quality[1..].Select(line => string.Join(',', line.Split(',')[2..5])).Take(3), Is.EqualTo(new[] { "1,1,0", "5,5,0", "3,3,0" }));
        });
    }

    [Test]
    public void FullDisk_IsNamed_KeepsWhatIsDone_AndTheRunGoesOnWithMoreRoom()
    {
        WriteStore(Classes, rows: 20);
        WithDisk("size=160k", disk =>
        {
            string output = Path.Combine(disk, "out");
            Program.Run("quantize", "--latents", Latents, "--ipc", "5", "-o", output).FailedWith(1, disk, "no space left", "finished files are kept");
            Assert.That(File.Exists(Path.Combine(output, "prototypes.safetensors")), Is.False);
            int done = Directory.GetFiles(Path.Combine(output, "classes"), "0*.safetensors").Length;
            Assert.That(done, Is.InRange(1, Classes - 1));
            Assert.That(Mount("mount", "-o", "remount,size=8m", disk), Is.Zero);
            Outcome resumed = Program.Run("quantize", "--latents", Latents, "--ipc", "5", "-o", output).Succeeded();
            Assert.That(resumed.Error, Does.Contain($"{20 * done:N0} already done"));
        });
    }

    [Test]
    public void ReadOnlyDisk_IsNamed() => WithDisk("size=1m", disk =>
    {
        WriteStore(2, rows: 20);
        Assert.That(Mount("mount", "-o", "remount,ro", disk), Is.Zero);
        Program.Run("quantize", "--latents", Latents, "--ipc", "5", "-o", Path.Combine(disk, "out")).FailedWith(1, disk, "read-only");
    });

    private string Latents => Path.Combine(_folder, "latents");

    private void WithDisk(string options, Action<string> test)
    {
        string disk = Path.Combine(_folder, "disk");
        Directory.CreateDirectory(disk);
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess || Mount("mount", "-t", "tmpfs", "-o", options, "tmpfs", disk) != 0)
            Assert.Ignore("a tmpfs cannot be mounted here");
        try
        {
            test(disk);
        }
        finally
        {
            Mount("umount", disk);
        }
    }

    private static int Mount(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        return process.ExitCode;
    }

    private string[] Arguments(string output, params string[] more) =>
        ["quantize", "--latents", Latents, "-o", Path.Combine(_folder, output), "--ipc", "5", .. more];

    private Outcome Quantize(string output, params string[] more) => Program.Run(Arguments(output, more));

    private void WriteStore(int classes, int rows) => WriteStore(classes, _ => rows);

    // One shard per class of the first class's size: equal classes fill a shard each.
    private void WriteStore(int classes, Func<int, int> rows)
    {
        var info = new LatentStoreInfo { Shape = s_shape, ClassNames = [.. Enumerable.Range(0, classes).Select(c => $"class{c}")] };
        using var writer = LatentStoreWriter.Open(Latents, info, Enumerable.Range(0, classes).Sum(rows), Math.Max(8, rows(0)));
        var random = new CounterRandom(5, 5);
        for (int c = 0; c < classes; c++)
        {
            var values = new float[rows(c) * s_shape.Length];
            random.FillGaussian(values);
            writer.Append(values, [.. Enumerable.Repeat(c, rows(c))]);
        }

        writer.Complete();
    }
}
