using System.Diagnostics;
using Ddoq.Storage;

namespace Ddoq.Tests.Storage;

public class AtomicFileTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void WriteAllText_ReplacesTheFile_AndLeavesNothingElse()
    {
        string path = _folder["a.txt"];
        AtomicFile.WriteAllText(path, "old and longer");
        AtomicFile.WriteAllText(path, "new é");
        Assert.Multiple(() =>
        {
            Assert.That(File.ReadAllBytes(path), Is.EqualTo("new é"u8.ToArray()));
            Assert.That(Directory.GetFileSystemEntries(_folder.Path), Has.Length.EqualTo(1));
        });
    }

    [Test]
    [NonParallelizable]
    public void LargeFiles_AreWrittenInTheStagingFolder_AndComeWholeToTheirPlace()
    {
        string staging = _folder["scratch"], place = Directory.CreateDirectory(_folder["slow"]).FullName, path = Path.Combine(place, "rows.safetensors");
        float[] rows = [1, 2, 3, 4];
        try
        {
            AtomicFile.StageIn(staging);
            using (SafetensorsWriter writer = SafetensorsWriter.Create(path, [("rows", SafetensorsType.F32, [4])], new Dictionary<string, string>()))
            {
                writer.Append<float>("rows", rows);
                Assert.That(Directory.GetFiles(staging), Has.Length.EqualTo(1), "where it is written");
                Assert.That(Directory.GetFileSystemEntries(place), Is.Empty);
                writer.Complete();
            }

            // A run that was killed leaves its file there; the next one takes it away.
            File.WriteAllText(Path.Combine(staging, ".rows.safetensors.1-1.partial"), "left");
            AtomicFile.StageIn(staging);
        }
        finally
        {
            PartialFile.StagingFolder = null;
        }

        Assert.That(Directory.GetFileSystemEntries(place).Select(Path.GetFileName), Is.EqualTo(new[] { "rows.safetensors" }));
        Assert.That(Directory.GetFileSystemEntries(staging), Is.Empty);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.That(file.GetSpan<float>("rows").ToArray(), Is.EqualTo(rows));
    }

    [Test]
    public void Write_NotCompleted_IsInvisibleUnderItsName()
    {
        string path = _folder["a.bin"];
        AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[100_000]);
            stream.Flush();
            Assert.That(File.Exists(path), Is.False);
            Assert.That(Directory.GetFiles(_folder.Path, ".a.bin.*.partial"), Has.Length.EqualTo(1));
        });
        Assert.That(new FileInfo(path).Length, Is.EqualTo(100_000));
    }

    [Test]
    public void Write_FileStillOpen_IsReadable_AndNotCleanedAway() =>
        // The file is closed after it got its real name: a reader may come in between.
        AtomicFile.Write(_folder["a.bin"], stream =>
        {
            stream.WriteByte(7);
            stream.Flush();
            Assert.That(AtomicFile.CleanPartials(_folder.Path), Is.Zero);
            Assert.That(File.ReadAllBytes(Directory.GetFiles(_folder.Path).Single()), Is.EqualTo(new byte[] { 7 }));
        });

    [Test]
    public void Write_CallbackThrows_KeepsTheOldFile_AndRemovesTheTemporaryOne()
    {
        string path = _folder["a.txt"];
        AtomicFile.WriteAllText(path, "old");
        Assert.That(() => AtomicFile.Write(path, _ => throw new InvalidOperationException("x")), Throws.InvalidOperationException);
        Assert.Multiple(() =>
        {
            Assert.That(File.ReadAllText(path), Is.EqualTo("old"));
            Assert.That(Directory.GetFileSystemEntries(_folder.Path), Has.Length.EqualTo(1));
        });
    }

    [Test]
    public void Write_FailureOfAnotherFile_IsNotBlamedOnThisOne() =>
        Assert.That(() => AtomicFile.Write(_folder["a.txt"], _ => File.OpenRead(_folder["absent"])), Throws.InstanceOf<FileNotFoundException>());

    [Test]
    public void Write_CallbackClosesTheStream_IsFine()
    {
        AtomicFile.Write(_folder["a.txt"], stream =>
        {
            using var writer = new StreamWriter(stream);
            writer.Write("text");
        });
        Assert.That(File.ReadAllText(_folder["a.txt"]), Is.EqualTo("text"));
    }

    [Test]
    public void Write_WhileOthersCleanTheFolder_NeverFails()
    {
        using var done = new CancellationTokenSource();
        var cleaner = new Thread(() =>
        {
            while (!done.IsCancellationRequested)
                AtomicFile.CleanPartials(_folder.Path);
        });
        cleaner.Start();
        try
        {
            for (int i = 0; i < 2000; i++)
                AtomicFile.Write(_folder["a"], s => s.WriteByte(1), flushToDisk: false);
        }
        finally
        {
            done.Cancel();
            cleaner.Join();
        }

        Assert.That(Directory.GetFileSystemEntries(_folder.Path), Has.Length.EqualTo(1));
    }

    [Test]
    public void Write_MissingFolder_NamesIt()
    {
        var error = Assert.Throws<DdoqException>(() => AtomicFile.WriteAllText(_folder["no", "a.txt"], "x"))!;
        Assert.Multiple(() =>
        {
            Assert.That(error.Message, Does.Contain("a.txt").And.Contain($"the folder '{_folder["no"]}' does not exist"));
            Assert.That(error.Hint, Is.Not.Null);
        });
    }

    [Test]
    public void Write_FolderInTheWay_SaysSo()
    {
        Directory.CreateDirectory(_folder["a.txt"]);
        Assert.That(() => AtomicFile.WriteAllText(_folder["a.txt"], "x"), Throws.InstanceOf<DdoqException>().With.Message.Contain("a folder of that name"));
    }

    [Test]
    public void CleanPartials_RemovesLeftovers_ButNoLiveFileAndNoOther()
    {
        Directory.CreateDirectory(_folder["sub"]);
        string[] leftovers = [_folder[".x.json.123-4.partial"], _folder["sub", ".y.99999999-1.partial"]];
        string[] others = [_folder[".hidden.partial"], _folder["x.1-1.partial"], _folder[".x.1-.partial"], _folder[".1-1.partial"], _folder["data"]];
        foreach (string path in leftovers.Concat(others))
            File.WriteAllText(path, "");
        AtomicFile.Write(_folder["live"], _ =>
        {
            Assert.That(AtomicFile.CleanPartials(_folder.Path, recursive: true), Is.EqualTo(2));
        });
        Assert.Multiple(() =>
        {
            Assert.That(leftovers.Where(File.Exists), Is.Empty);
            Assert.That(others.Where(p => !File.Exists(p)), Is.Empty);
            Assert.That(File.Exists(_folder["live"]));
            Assert.That(AtomicFile.CleanPartials(_folder["absent"]), Is.Zero);
        });
    }

    [Test]
    public void Create_LeftoverOfAProcessWithTheSameId_TakesAnotherName()
    {
        // The numbers count up from wherever earlier tests left them, so the next hundred are taken.
        string probe = "";
        AtomicFile.Write(_folder["a"], s => probe = ((FileStream)s).Name);
        int next = int.Parse(probe.Split('-')[^1].Split('.')[0], System.Globalization.CultureInfo.InvariantCulture) + 1;
        for (int i = next; i < next + 100; i++)
            File.WriteAllText(_folder[$".a.{Environment.ProcessId}-{i}.partial"], "");
        AtomicFile.WriteAllText(_folder["a"], "x");
        Assert.That(File.ReadAllText(_folder["a"]), Is.EqualTo("x"));
    }

    [Test]
    public void Write_FromManyThreads_LastOneWins_NoneIsTorn()
    {
        string path = _folder["shared"];
        Parallel.For(0, 64, i => AtomicFile.Write(path, s => s.Write(Enumerable.Repeat((byte)i, 5000).ToArray()), flushToDisk: false));
        byte[] bytes = File.ReadAllBytes(path);
        Assert.Multiple(() =>
        {
            Assert.That(bytes, Has.Length.EqualTo(5000));
            Assert.That(bytes.Distinct().Count(), Is.EqualTo(1));
            Assert.That(Directory.GetFileSystemEntries(_folder.Path), Has.Length.EqualTo(1));
        });
    }

    [Test]
    public void Write_FullDisk_NamesFileAndFreeBytes_AndRemovesTheTemporaryFile()
    {
        using var disk = TinyDisk.Mount(_folder["tiny"], "size=64k");
        string path = Path.Combine(disk.Path, "big.bin");
        var error = Assert.Throws<DdoqException>(() => AtomicFile.Write(path, s => s.Write(new byte[200_000])))!;
        var error2 = Assert.Throws<DdoqException>(() => AtomicFile.WriteAllBytes(path, new byte[200_000]))!;
        Assert.Multiple(() =>
        {
            Assert.That(error.Message, Does.Match("big.bin.*no space left.*[0-9,]+ bytes free"));
            Assert.That(error2.Message, Does.Contain("no space left"));
            Assert.That(error.Hint, Does.Contain("Free some space"));
            Assert.That(Directory.GetFileSystemEntries(disk.Path), Is.Empty);
        });
    }

    [Test]
    public void SafetensorsWriter_FullDisk_IsTheSameError()
    {
        using var disk = TinyDisk.Mount(_folder["tiny"], "size=64k");
        string path = Path.Combine(disk.Path, "big.safetensors");
        Assert.That(
            () =>
            {
                using var writer = SafetensorsWriter.Create(path, [("x", SafetensorsType.F32, [100_000])]);
                writer.Append<float>("x", new float[100_000]);
                writer.Complete();
            },
            Throws.InstanceOf<DdoqException>().With.Message.Contain("no space left"));
        Assert.That(Directory.GetFileSystemEntries(disk.Path), Is.Empty);
    }

    [Test]
    public void Write_ReadOnlyDisk_SaysSo()
    {
        using var disk = TinyDisk.Mount(_folder["tiny"], "ro");
        Assert.That(
            () => AtomicFile.WriteAllText(Path.Combine(disk.Path, "a"), "x"),
            Throws.InstanceOf<DdoqException>().With.Message.Contain("read-only"));
    }

    /// <summary>A tmpfs of a given size; ignores the test where mounting is not allowed.</summary>
    private sealed class TinyDisk : IDisposable
    {
        private TinyDisk(string path) => Path = path;

        public string Path { get; }

        public static TinyDisk Mount(string path, string options)
        {
            Directory.CreateDirectory(path);
            if (!OperatingSystem.IsLinux() || Run("mount", "-t", "tmpfs", "-o", options, "ddoq-test", path) != 0)
                Assert.Ignore("a small tmpfs cannot be mounted here (needs Linux and root)");
            return new TinyDisk(path);
        }

        public void Dispose() => Run("umount", Path);

        private static int Run(string program, params string[] arguments)
        {
            try
            {
                using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
                process.WaitForExit();
                return process.ExitCode;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return -1;
            }
        }
    }
}
