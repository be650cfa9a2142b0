namespace Ddoq.Imaging.Tests;

public sealed class DistilledMetadataTests
{
    private static readonly string[] s_lines =
    [
        """{"file_name":"shirt/0.png","label":0,"class_name":"Shirt","weight":0.5}""",
        """{"file_name":"shirt/10.png","label":0,"class_name":"Shirt","weight":0.5}""",
        """{"file_name":"shirt/2.png","label":0,"class_name":"Shirt","weight":0.5}""",
        """{"file_name":"bag/0.png","label":1,"class_name":"Bag","weight":1.0}""",
    ];

    [Test]
    public void OrderLabelsAndNames_AreTheFiles()
    {
        using TemporaryFolder folder = Make([s_lines[0], s_lines[2], s_lines[1], "", s_lines[3]]);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.Multiple(() =>
        {
            Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "Shirt", "Bag" }));
            Assert.That(Enumerable.Range(0, 4).Select(dataset.NameOf), Is.EqualTo(new[] { "train/shirt/0.png", "train/shirt/2.png", "train/shirt/10.png", "train/bag/0.png" }));
            Assert.That(Enumerable.Range(0, 4).Select(dataset.LabelOf), Is.EqualTo(new[] { 0, 0, 0, 1 }));
        });
    }

    [Test]
    public void SomebodyElsesMetadata_IsNotUsed()
    {
        using TemporaryFolder folder = Make(["""{"file_name":"shirt/0.png","text":"a shirt"}"""]);
        using IImageDataset dataset = ImageDatasets.Open(folder.Path, DatasetSplit.Train);
        Assert.That(dataset.ClassNames, Is.EqualTo(new[] { "bag", "shirt" }));
    }

    [Test]
    public void Contradictions_AreNamedWithARemedy()
    {
        Expect(["{"], "line 1", "not valid JSON");
        Expect([s_lines[0], """{"file_name":"bag/0.png"}"""], "line 2");
        Expect([s_lines[0], """{"file_name":"shirt/2.png","label":0,"class_name":"Coat"}"""], "line 2", "Shirt", "Coat");
        Expect([s_lines[0], """{"file_name":"shirt/2.png","label":0,"class_name":"Shirt","weight":-1}"""], "line 2", "weight -1");
        Expect([.. s_lines, """{"file_name":"bag/1.png","label":1,"class_name":"Bag"}"""], "bag/1.png", "not there");
        Expect([.. s_lines, s_lines[0]], "shirt/0.png", "twice");
        Expect(s_lines[1..], "shirt/0.png", "not listed");
        Expect([s_lines[0], s_lines[1], """{"file_name":"shirt/2.png","label":1,"class_name":"Bag"}""", s_lines[3]], "shirt/2.png", "label 1");

        static void Expect(string[] lines, params string[] parts)
        {
            using TemporaryFolder folder = Make(lines);
            var error = Assert.Throws<DdoqException>(() => ImageDatasets.Open(folder.Path, DatasetSplit.Train));
            TestData.AssertMessage(error, [.. parts, "metadata.jsonl"]);
        }
    }

    private static TemporaryFolder Make(string[] lines)
    {
        var folder = new TemporaryFolder();
        foreach (string name in new[] { "shirt/0.png", "shirt/10.png", "shirt/2.png", "bag/0.png" })
            TestData.WritePng(folder[$"train/{name}"], 3, 4, 4, 1);
        File.WriteAllLines(folder["train/metadata.jsonl"], lines);
        return folder;
    }
}
