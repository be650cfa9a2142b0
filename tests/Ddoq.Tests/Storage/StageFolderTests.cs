using Ddoq.Storage;

namespace Ddoq.Tests.Storage;

public class StageFolderTests
{
    private static readonly Dictionary<string, string> s_settings = new() { ["seed"] = "0", ["ipc"] = "10", ["latents_sha256"] = "ab" };
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void Open_New_Resume_Complete()
    {
        string path = _folder["out", "stage"];
        using (StageFolder stage = StageFolder.Open(path, "quantize", s_settings))
            Assert.That(stage.IsComplete, Is.False);
        File.WriteAllText(Path.Combine(path, ".x.1-1.partial"), "leftover");
        File.WriteAllText(Path.Combine(path, "x"), "result");
        string fingerprint;
        using (StageFolder stage = StageFolder.Open(path, "quantize", s_settings))
        {
            Assert.That(stage.IsComplete, Is.False);
            Assert.That(File.Exists(stage.PathOf(".x.1-1.partial")), Is.False);
            stage.Complete(["x"]);
            Assert.That(stage.IsComplete);
            fingerprint = stage.Fingerprint;
        }

        using (StageFolder stage = StageFolder.Open(path, "quantize", s_settings))
        {
            Assert.Multiple(() =>
            {
                Assert.That(stage.IsComplete);
                Assert.That(stage.Fingerprint, Is.EqualTo(fingerprint).And.Length.EqualTo(64));
                Assert.That(StageFolder.Read(path).Outputs, Is.EqualTo(new Dictionary<string, long> { ["x"] = 6 }));
            });
        }
    }

    [Test]
    public void Open_EqualRuns_GiveEqualRecords_WhateverTheOrderOfSettings()
    {
        foreach (string name in (string[])["a", "b"])
        {
            var settings = name == "a" ? s_settings : new Dictionary<string, string>(s_settings.Reverse());
            using StageFolder stage = StageFolder.Open(_folder[name], "encode", settings);
            File.WriteAllText(stage.PathOf("x"), "y");
            stage.Complete(["x"]);
        }

        Assert.That(
            TemporaryFolder.Snapshot(_folder["a"], StageFolder.TimingFileName),
            Is.EqualTo(TemporaryFolder.Snapshot(_folder["b"], StageFolder.TimingFileName)));
    }

    [Test]
    public void Open_OtherSettings_NamesEachDifference()
    {
        StageFolder.Open(_folder["s"], "quantize", s_settings).Dispose();
        File.WriteAllText(_folder["s", "part"], "x");
        var other = new Dictionary<string, string> { ["seed"] = "0", ["ipc"] = "50", ["algorithm"] = "lloyd" };
        var error = Assert.Throws<DdoqException>(() => StageFolder.Open(_folder["s"], "quantize", other))!;
        Assert.Multiple(() =>
        {
            Assert.That(error.Message, Does.EndWith("algorithm: (not set) -> lloyd; ipc: 10 -> 50; latents_sha256: ab -> (not set)"));
            Assert.That(error.Hint, Does.Contain("another output folder").And.Contain("--force"));
            Assert.That(() => StageFolder.Open(_folder["s"], "encode", s_settings), Throws.InstanceOf<DdoqException>().With.Message.Contain("'quantize', not 'encode'"));
        });
    }

    [Test]
    public void Open_OtherSettings_AfterARunThatWroteNothing_StartsAnew()
    {
        StageFolder.Open(_folder["s"], "quantize", s_settings).Dispose();
        Directory.CreateDirectory(_folder["s", "classes"]);
        File.WriteAllText(_folder["s", "classes" + StageFolder.HeaderSuffix], "what was to come");
        var other = new Dictionary<string, string> { ["ipc"] = "50" };
        using (StageFolder stage = StageFolder.Open(_folder["s"], "quantize", other))
            Assert.That(StageFolder.Read(_folder["s"]).Settings, Is.EqualTo(other));
        Assert.That(File.Exists(_folder["s", "classes" + StageFolder.HeaderSuffix]), Is.False);
        StageFolder.Open(_folder["done"], "label", s_settings).Complete();
        Assert.That(() => StageFolder.Open(_folder["done"], "label", other), Throws.InstanceOf<DdoqException>(), "a complete stage without files is a result");
    }

    [Test]
    public void Open_OtherContent_IsSaidInWords()
    {
        string first = ContentHash.OfText("a"), second = ContentHash.OfText("b");
        StageFolder.Open(_folder["s"], "encode", new Dictionary<string, string> { ["data"] = first }).Complete();
        var error = Assert.Throws<DdoqException>(() => StageFolder.Open(_folder["s"], "encode", new Dictionary<string, string> { ["data"] = second }))!;
        Assert.That(error.Message, Does.Contain($"data: the content is another one ({first[..12]}... -> {second[..12]}...)"));
    }

    [Test]
    public void Fingerprint_DependsOnStageKeysAndValues()
    {
        (string Stage, string Key, string Value)[] runs = [("a", "b", "c"), ("x", "b", "c"), ("a", "x", "c"), ("a", "b", "x"), ("a", "b\n1:c", "")];
        string[] fingerprints = [.. runs.Select((run, i) =>
        {
            using StageFolder stage = StageFolder.Open(_folder[$"{i}"], run.Stage, new Dictionary<string, string> { [run.Key] = run.Value });
            return stage.Fingerprint;
        })];
        Assert.That(fingerprints, Is.Unique);
    }

    [Test]
    public void Open_ByManyAtOnce_AllSucceed()
    {
        // The parts of a sharded run start at the same moment and write into one folder.
        for (int round = 0; round < 10; round++)
        {
            string path = _folder[$"{round}"];
            Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 16 }, i =>
            {
                using StageFolder stage = StageFolder.Open(path, "quantize", s_settings);
                Directory.CreateDirectory(stage.PathOf("classes"));
                AtomicFile.WriteAllText(stage.PathOf("classes", $"{i}"), "");
            });
            Assert.That(Directory.GetFiles(_folder[$"{round}", "classes"]), Has.Length.EqualTo(16));
        }
    }

    [Test]
    public void Open_Force_ClearsTheStage_ButNotStagesWithin()
    {
        StageFolder.Open(_folder["s"], "quantize", s_settings).Dispose();
        StageFolder.Open(_folder["s", "inner"], "encode", s_settings).Dispose();
        Directory.CreateDirectory(_folder["s", "classes"]);
        File.WriteAllText(_folder["s", "classes", "00001.safetensors"], "");
        using StageFolder stage = StageFolder.Open(_folder["s"], "label", new Dictionary<string, string>(), force: true);
        Assert.Multiple(() =>
        {
            Assert.That(stage.Stage, Is.EqualTo("label"));
            Assert.That(stage.Seconds, Is.Zero);
            Assert.That(Directory.Exists(_folder["s", "classes"]), Is.False);
            Assert.That(File.Exists(_folder["s", "inner", "stage.json"]));
        });
    }

    [Test]
    public void Open_Force_KeepsAFileThatNoStageWrites()
    {
        StageFolder.Open(_folder["s"], "quantize", s_settings).Dispose();
        File.WriteAllText(_folder["s", "mine.txt"], "");
        Assert.That(
            () => StageFolder.Open(_folder["s"], "quantize", s_settings, force: true),
            Throws.TypeOf<DdoqException>().With.Message.Contain("holds 'mine.txt', which no stage wrote"));
        Assert.That(File.Exists(_folder["s", "stage.json"]) && File.Exists(_folder["s", "mine.txt"]));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void Open_FolderOfTheUser_IsRefused_AndUntouched(bool force)
    {
        File.WriteAllText(_folder["thesis.txt"], "precious");
        Assert.That(
            () => StageFolder.Open(_folder.Path, "encode", s_settings, force),
            Throws.InstanceOf<DdoqException>().With.Message.Contain("thesis.txt"));
        Assert.That(TemporaryFolder.Snapshot(_folder.Path).Keys, Is.EqualTo(new[] { "thesis.txt" }));
    }

    [Test]
    public void Open_OutputGoneOrCut_IsNotCompleteAnyMore()
    {
        using (StageFolder stage = StageFolder.Open(_folder["s"], "encode", s_settings))
        {
            File.WriteAllText(stage.PathOf("a"), "1234");
            File.WriteAllText(stage.PathOf("b"), "1234");
            stage.Complete(["a", "b"]);
        }

        File.Delete(_folder["s", "a"]);
        File.WriteAllText(_folder["s", "b"], "12");
        using StageFolder again = StageFolder.Open(_folder["s"], "encode", s_settings);
        Assert.Multiple(() =>
        {
            Assert.That(again.IsComplete, Is.False);
            Assert.That(again.Damage, Is.EqualTo(new[] { "a is gone", "b has 2 bytes instead of 4" }));
            Assert.That(StageFolder.Read(_folder["s"]).Completed, Is.False);
            Assert.That(() => again.Complete(["a"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("does not exist"));
        });
    }

    [Test]
    public void Seconds_AddUpOverRuns_AndSurviveADamagedFile()
    {
        StageFolder.Open(_folder["s"], "encode", s_settings).Dispose();
        string timing = _folder["s", StageFolder.TimingFileName];
        File.WriteAllText(timing, "{\"stage\":\"encode\",\"seconds\":1000,\"runs\":3}");
        using (StageFolder stage = StageFolder.Open(_folder["s"], "encode", s_settings))
        {
            stage.Complete();
            Assert.That(stage.Seconds, Is.InRange(1000, 1100));
        }

        Assert.That(File.ReadAllText(timing), Does.Contain("\"runs\": 4"));
        string kept = File.ReadAllText(timing);
        StageFolder.Open(_folder["s"], "encode", s_settings).Dispose();
        Assert.That(File.ReadAllText(timing), Is.EqualTo(kept), "finding a stage complete is no work on it");
        foreach (string damaged in new[] { "{\"seconds\":", "{\"stage\":\"encode\",\"seconds\":1e400,\"runs\":3}" })
        {
            File.WriteAllText(timing, damaged);
            using StageFolder stage = StageFolder.Open(_folder["s"], "encode", s_settings);
            Assert.That(stage.Seconds, Is.Zero);
        }
    }

    [TestCase("", "not valid JSON")]
    [TestCase("null", "holds null")]
    [TestCase("{}", "required")]
    [TestCase("[1]", "not valid JSON of the expected form")]
    [TestCase("{\"format\":2,\"stage\":\"encode\",\"version\":\"\",\"fingerprint\":\"\",\"completed\":true,\"settings\":{},\"outputs\":{}}", "format 2 is unknown")]
    [TestCase("{\"format\":1,\"stage\":\"encode\",\"version\":\"\",\"fingerprint\":\"00\",\"completed\":true,\"settings\":{\"a\":\"b\"},\"outputs\":{}}", "fingerprint")]
    [TestCase("{\"format\":1,\"stage\":null,\"version\":\"\",\"fingerprint\":\"\",\"completed\":true,\"settings\":{},\"outputs\":{}}", "not valid JSON of the expected form")]
    public void Open_DamagedRecord_IsNamed(string json, string expected)
    {
        File.WriteAllText(_folder["stage.json"], json);
        var error = Assert.Throws<DdoqException>(() => StageFolder.Open(_folder.Path, "encode", s_settings))!;
        Assert.That(error.Message, Does.Contain("stage.json").And.Contain(expected));
    }

    [Test]
    public void Open_RecordDamagedAtRandom_IsAnErrorOrReadable_NeverAnythingElse()
    {
        using (StageFolder stage = StageFolder.Open(_folder["s"], "encode", s_settings))
        {
            File.WriteAllText(stage.PathOf("x"), "y");
            stage.Complete(["x"]);
        }

        string path = _folder["s", "stage.json"];
        byte[] whole = File.ReadAllBytes(path);
        int refused = 0;
        for (uint variant = 0; variant < 2000; variant++)
        {
            File.WriteAllBytes(path, SafetensorsTests.Damage(whole, whole.Length, variant));
            try
            {
                StageFolder.Read(_folder["s"]);
            }
            catch (DdoqException)
            {
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"variant {variant}: {e}");
            }
        }

        Assert.That(refused, Is.InRange(1000, 1999));
    }

    [Test]
    public void Open_FileInTheWay_IsNamed()
    {
        File.WriteAllText(_folder["f"], "");
        Assert.That(() => StageFolder.Open(_folder["f"], "encode", s_settings), Throws.InstanceOf<DdoqException>().With.Message.Contain("a file of that name"));
    }
}
