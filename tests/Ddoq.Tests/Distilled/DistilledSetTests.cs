using System.Text.Json;
using Ddoq.Distilled;
using Ddoq.Tests.Storage;

namespace Ddoq.Tests.Distilled;

public class DistilledSetTests
{
    private static readonly string[] s_names = ["T-shirt/top", "Trouser, \"wide\"", "größe"];
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void SetUp() => _folder = new TemporaryFolder();

    [TearDown]
    public void TearDown() => _folder.Dispose();

    [Test]
    public void SaveAndLoad_KeepEverything_AndTheFileReadsAsDocumented()
    {
        DistilledSet set = Sample();
        set.SaveMetadata(_folder.Path);
        string[] lines = File.ReadAllLines(_folder["train", "metadata.jsonl"]);
        Assert.That(lines[0], Is.EqualTo("""{"file_name":"T-shirt_top/00.png","label":0,"class_name":"T-shirt/top","weight":1.0,"cluster_size":5,"prototype":0,"seed":-3}"""));
        Assert.That(lines[^1], Is.EqualTo("""{"file_name":"größe/00.png","label":2,"class_name":"größe","weight":1E-20,"cluster_size":9,"prototype":0,"seed":9223372036854775807}"""));
        Assert.That(() => DistilledSet.Load(_folder.Path), Throws.InstanceOf<DdoqException>().With.Message.Contain("'T-shirt_top/00.png', which is missing"));
        WriteImages(set);
        DistilledSet loaded = DistilledSet.Load(_folder.Path);
        Assert.Multiple(() =>
        {
            Assert.That(loaded.Images, Is.EqualTo(set.Images));
            Assert.That(loaded.ClassNames, Is.EqualTo(s_names));
            Assert.That(loaded.ImageCounts(), Is.EqualTo(new[] { 2, 1, 1 }));
        });
    }

    [Test]
    public void Load_ListOfAnotherTool_FillsWhatIsMissing()
    {
        Directory.CreateDirectory(_folder["train"]);
        File.WriteAllText(_folder["train", "metadata.jsonl"], "\uFEFF{\"file_name\":\"cat/1.jpg\",\"label\":2,\"caption\":{\"x\":[1]}}\r\n\r\n{\"label\":0,\"file_name\":\"dog/1.jpg\"}\r\n");
        DistilledSet set = DistilledSet.Load(_folder.Path, requireImages: false);
        Assert.Multiple(() =>
        {
            Assert.That(set.ClassNames, Is.EqualTo(new[] { "dog", "class 1", "cat" }));
            Assert.That(set.Images[0], Is.EqualTo(new DistilledImage("cat/1.jpg", 2, "cat")));
        });
    }

    [Test]
    public void Load_ClassNamesComeFromTheProvenance()
    {
        Sample().SaveMetadata(_folder.Path);
        Provenance([.. s_names, "without images"]).Save(_folder.Path);
        Assert.That(DistilledSet.Load(_folder.Path, requireImages: false).ClassNames, Has.Count.EqualTo(4));
        Provenance(["other", .. s_names[1..]]).Save(_folder.Path);
        Assert.That(() => DistilledSet.Load(_folder.Path, requireImages: false), Throws.InstanceOf<DdoqException>().With.Message.Contain("class name 'T-shirt/top', label 0 is 'other'"));
    }

    [TestCase("", "has no images")]
    [TestCase("x", "line 1: not valid JSON")]
    [TestCase("{\"file_name\":\"a/1.png\",\"label\":0}\nnull", "line 2")]
    [TestCase("{\"label\":0}", "a required entry is missing")]
    [TestCase("{\"file_name\":null,\"label\":0}", "line 1")]
    [TestCase("{\"file_name\":\"a/1.png\",\"label\":\"0\"}", "line 1")]
    [TestCase("{\"file_name\":\"a/1.png\",\"label\":0,\"label\":0}", "line 1")]
    [TestCase("{\"file_name\":\"../1.png\",\"label\":0}", "allowed is a path within")]
    [TestCase("{\"file_name\":\"/1.png\",\"label\":0}", "allowed is a path within")]
    [TestCase("{\"file_name\":\"a\\\\..\\\\..\\\\1.png\",\"label\":0}", "allowed is a path within")]
    [TestCase("{\"file_name\":\"a/1.png\",\"label\":-1}", "line 1: 'a/1.png': label -1")]
    [TestCase("{\"file_name\":\"a/1.png\",\"label\":2000000}", "label 2000000")]
    [TestCase("{\"file_name\":\"a/1.png\",\"label\":0,\"weight\":-1}", "weight -1")]
    [TestCase("{\"file_name\":\"a/1.png\",\"label\":0,\"weight\":1e999}", "a/1.png")]
    [TestCase("{\"file_name\":\"a/1.png\",\"label\":0,\"cluster_size\":-1}", "cluster size -1")]
    [TestCase("{\"file_name\":\"a/1.png\",\"label\":0}\n{\"file_name\":\"b/1.png\",\"label\":0}", "class name 'b', label 0 is 'a'")]
    [TestCase("{\"file_name\":\"a/1.png\",\"label\":0}\n{\"file_name\":\"a/1.png\",\"label\":0}", "is listed twice")]
    [TestCase("{\"file_name\":\"a/1.png\",\"label\":0}\n{\"file_name\":\"a/2.png\",\"label\":1}", "classes 0 and 1 are both named 'a'")]
    public void Load_WrongLine_IsNamed(string text, string expected)
    {
        Directory.CreateDirectory(_folder["train"]);
        File.WriteAllText(_folder["train", "metadata.jsonl"], text);
        Assert.That(() => DistilledSet.Load(_folder.Path, requireImages: false), Throws.InstanceOf<DdoqException>().With.Message.Contain("metadata.jsonl").And.Message.Contain(expected));
    }

    [Test]
    public void Load_DamagedAtRandom_IsAnErrorOrReadable_NeverAnythingElse()
    {
        Sample().SaveMetadata(_folder.Path);
        Provenance(s_names).Save(_folder.Path);
        foreach (string path in (string[])[_folder["train", "metadata.jsonl"], _folder["ddoq.json"]])
        {
            byte[] whole = File.ReadAllBytes(path);
            int refused = 0;
            for (uint variant = 0; variant < 1500; variant++)
            {
                File.WriteAllBytes(path, SafetensorsTests.Damage(whole, whole.Length, variant));
                try
                {
                    DistilledSet.Load(_folder.Path, requireImages: false);
                }
                catch (DdoqException)
                {
                    refused++;
                }
                catch (Exception e)
                {
                    Assert.Fail($"{path}, variant {variant}: {e}");
                }
            }

            Assert.That(refused, Is.InRange(700, 1499), path);
            File.WriteAllBytes(path, whole);
        }
    }

    [Test]
    public void Provenance_RoundTrips_AndRepeats()
    {
        DistilledProvenance provenance = Provenance(s_names);
        provenance.Save(_folder.Path);
        byte[] first = File.ReadAllBytes(_folder["ddoq.json"]);
        DistilledProvenance.Load(_folder.Path).Save(_folder.Path);
        Assert.That(File.ReadAllBytes(_folder["ddoq.json"]), Is.EqualTo(first));
        Assert.That(DistilledProvenance.Load(_folder.Path).Seed, Is.EqualTo(ulong.MaxValue));
        Directory.CreateDirectory(_folder["images"]);
        Assert.That(() => DistilledSet.Load(_folder["images"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("is no distilled set"));
        Assert.That(() => DistilledProvenance.Load(_folder["absent"]), Throws.InstanceOf<DdoqException>().With.Message.Contain("no such file"));
    }

    [Test]
    public void Summary_EffectiveImages_AndTheFile()
    {
        IReadOnlyList<DistilledSummary> classes = DistilledSummary.Of(Sample(), label => label + 0.5);
        Assert.Multiple(() =>
        {
            // (1 + 3)^2 / (1 + 9)
            Assert.That(classes[0], Is.EqualTo(new DistilledSummary(0, "T-shirt/top", "T-shirt_top", 2, 12, new WeightStatistics(2, 1, 3, 2, 1.6), 0.5)));
            Assert.That(DistilledSummary.Of(new DistilledSet(["a", "b"], [new("a/0.png", 0, "a")]))[1], Is.EqualTo(new DistilledSummary(1, "b", "b", 0, 0, default, null)));
        });
        DistilledSummary.Save(_folder.Path, classes);
        string[] lines = File.ReadAllLines(_folder["summary.csv"]);
        Assert.That(lines[1], Is.EqualTo("0,T-shirt/top,T-shirt_top,2,12,1,2,3,1.6,0.5"));
        Assert.That(lines[2], Is.EqualTo("1,\"Trouser, \"\"wide\"\"\",\"Trouser, _wide_\",1,1,0.25,0.25,0.25,1,1.5"));
    }

    [Test]
    public void ReadBySomebodyElse_HoldsTheSame()
    {
        DistilledSet set = Sample();
        set.SaveMetadata(_folder.Path);
        WriteImages(set);
        DistilledSummary.Save(_folder.Path, DistilledSummary.Of(set));
        JsonElement read = IndependentReader.Run("--set", _folder.Path);
        var folders = new ClassFolders(s_names);
        Assert.Multiple(() =>
        {
            Assert.That(Strings("files"), Is.EqualTo(set.Images.Select(i => i.FileName)));
            Assert.That(read.GetProperty("labels").EnumerateArray().Select(e => e.GetInt32()), Is.EqualTo(set.Images.Select(i => i.Label)));
            Assert.That(Strings("weight_types"), Is.EqualTo(new[] { "float" }));
            Assert.That(Strings("keys"), Is.EqualTo(new[] { "file_name", "label", "class_name", "weight", "cluster_size", "prototype", "seed" }));
            Assert.That(Strings("summary_names"), Is.EqualTo(s_names));
            Assert.That(Strings("image_folder_classes"), Is.EqualTo(folders.Names.Order(StringComparer.Ordinal)));
        });

        IEnumerable<string> Strings(string key) => read.GetProperty(key).EnumerateArray().Select(e => e.GetString()!);
    }

    private static DistilledProvenance Provenance(IReadOnlyList<string> names) => new(
        "0.1.0", ulong.MaxValue, "cpu", new() { ["ipc"] = "10", ["algorithm"] = "hartigan" }, new() { ["encoder"] = "ab" }, names);

    private static DistilledSet Sample()
    {
        var folders = new ClassFolders(s_names);
        return new DistilledSet(s_names,
        [
            new(folders.FileName(0, 0, 2), 0, s_names[0], 1, 5, 0, -3),
            new(folders.FileName(0, 1, 2), 0, s_names[0], 3, 7, 1, 4),
            new(folders.FileName(1, 0, 2), 1, s_names[1], 0.25, 1),
            new(folders.FileName(2, 0, 2), 2, s_names[2], 1e-20, 9, 0, long.MaxValue),
        ]);
    }

    private void WriteImages(DistilledSet set)
    {
        foreach (DistilledImage image in set.Images)
        {
            string path = DistilledSet.PathOf(_folder.Path, image.FileName);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "");
        }
    }
}
