using System.Text.Json;

namespace Ddoq.Cli.Tests;

/// <summary>What is said of a user's images before and while they are encoded.</summary>
public class InspectDataTests
{
    private string _folder = string.Empty;

    [SetUp]
    public void Create()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-inspect-").FullName;
        foreach (string name in new[] { "a/1.png", "a/2.png", "b/1.png" })
            Put("train/" + name, Png.Grey(28, 28));
        Put("train/b/2.gif", [1]);
        Put("train/b/3.gif", [1]);
    }

    [TearDown]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Inspect_CountsClassesSizesDamageAndWhatIsPassedOver()
    {
        Put("train/a/3.png", Png.Grey(28, 28)[..^40]);
        string page = Path.Combine(_folder, "page.html");
        using var found = JsonDocument.Parse(Program.Run("inspect", "--json", "--html", page, Path.Combine(_folder)).Succeeded().Output);
        JsonElement root = found.RootElement;
        Assert.Multiple(() =>
        {
            Assert.That(root.GetProperty("training_images").GetInt32(), Is.EqualTo(4));
            Assert.That(root.GetProperty("training_damaged").GetInt32(), Is.EqualTo(1));
            Assert.That(root.GetProperty("training_damaged_images")[0].GetProperty("image").GetString(), Is.EqualTo("train/a/3.png"));
            Assert.That(root.GetProperty("training_sizes")[0].GetProperty("size").GetString(), Is.EqualTo("28x28"));
            Assert.That(root.GetProperty("training_classes")[0].GetProperty("images").GetInt32(), Is.EqualTo(3));
            Assert.That(root.GetProperty("training_passed_over")[0].GetProperty("count").GetInt32(), Is.EqualTo(2));
            Assert.That(root.GetProperty("missing").GetString(), Does.Contain("no test images"));
            Assert.That(File.ReadAllText(page), Does.Contain("Images of each class").And.Contain("train/a/3.png").And.Contain(".gif images, which are not read"));
        });
        Program.Run("inspect", "--html", page, Program.Model).FailedWith(2, "--html is for datasets");
    }

    [Test]
    public void Encode_SaysWhatItPassesOver_AndRecordsIt()
    {
        string output = Path.Combine(_folder, "latents");
        Outcome run = Program.Run("encode", "--data-dir", _folder, "--model", Program.Model, "-o", output).Succeeded();
        Assert.Multiple(() =>
        {
            Assert.That(run.Error, Does.Contain("passed over: 2 .gif images, which are not read; for example train/b/2.gif"));
            Assert.That(File.ReadAllText(Path.Combine(output, "passed-over.csv")), Is.EqualTo("kind,count,example\n\".gif images, which are not read\",2,train/b/2.gif\n"));
            Assert.That(File.ReadAllText(Path.Combine(output, "stage.json")), Does.Contain("passed-over.csv"));
        });
    }

    private void Put(string name, byte[] content)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }
}
