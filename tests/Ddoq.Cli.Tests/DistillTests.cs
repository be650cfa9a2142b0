using System.Text.Json;
using Ddoq.Cli.Tests.Documentation;

namespace Ddoq.Cli.Tests;

/// <summary>The whole way on a small part of the sample with the shipped models.</summary>
[NonParallelizable]
public class DistillTests
{
    private string _folder = string.Empty;
    private string _data = string.Empty;
    private string _reference = string.Empty;

    [OneTimeSetUp]
    public void RunOnce()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-cli-").FullName;
        _data = SmallData.Create(Path.Combine(_folder, "data"));
        _reference = Path.Combine(_folder, "reference");
        Program.Run(Arguments(_reference, workers: 2)).Succeeded();
    }

    [OneTimeTearDown]
    public void CleanUp() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void OneWorker_GivesTheSameBytes()
    {
        string other = Path.Combine(_folder, "one-worker");
        Program.Run(Arguments(other, workers: 1)).Succeeded();
        Assert.That(Snapshot.Of(other), Is.EqualTo(Snapshot.Of(_reference)));
    }

    [Test]
    public void EveryRepeat_HasASetOfItsOwn_AndTheFirstIsTheSame()
    {
        // Guards the test above too: it would also pass if nothing depended on anything.
        string other = Path.Combine(_folder, "two-sets");
        Program.Run([.. Arguments(other, workers: 2).SkipLast(4), "--repeats", "2", "--workers", "2"]).Succeeded();
        SortedDictionary<string, string> one = Snapshot.Of(_reference), two = Snapshot.Of(other);
        Assert.Multiple(() =>
        {
            foreach (string part in (string[])["prototypes", "distilled"])
            {
                string[] first = [.. two.Keys.Where(name => name.StartsWith(part, StringComparison.Ordinal) && name.Contains("seed-0", StringComparison.Ordinal))];
                Assert.That(first.Select(name => two[name]), Is.EqualTo(first.Select(name => one[name])), part);

                // Among so few rows the search for real images of least energy ends at the same two from every start.
                foreach (string name in first.Where(name => !name.Contains("distilled/energy", StringComparison.Ordinal)
                    && (name.EndsWith(".png", StringComparison.Ordinal) || name.EndsWith("prototypes.safetensors", StringComparison.Ordinal))))
                    Assert.That(two[name.Replace("seed-0", "seed-1", StringComparison.Ordinal)], Is.Not.EqualTo(two[name]), name);
            }

            Assert.That(two.Keys.Count(name => name.EndsWith("result.json", StringComparison.Ordinal)), Is.EqualTo(12), "a student per arm and set");
        });
    }

    [TestCase("latents", "latents-00001-of-*.safetensors")]
    [TestCase("prototypes/ddoq", "0000?.safetensors")]
    [TestCase("distilled/ddoq", "*.png")]
    [TestCase("students/small-image/ddoq", "stage.json")]
    public void Killed_ThenRepeated_EndsWithTheSameBytes(string part, string marker)
    {
        string output = Path.Combine(_folder, "killed-" + part.Replace('/', '-'));
        string watched = Path.Combine([output, .. part.Split('/')]);
        bool killed = Program.RunAndKill(() => Snapshot.Times(watched, marker).Count > 0, Arguments(output, workers: 2));
        Assert.That(killed, Is.True, "the run ended before it could be killed");
        Dictionary<string, DateTime> finished = Snapshot.Times(output, "*.safetensors");
        Program.Run(Arguments(output, workers: 2)).Succeeded();
        Assert.Multiple(() =>
        {
            Assert.That(Snapshot.Of(output), Is.EqualTo(Snapshot.Of(_reference)));
            Assert.That(finished.Where(file => File.GetLastWriteTimeUtc(file.Key) != file.Value).Select(file => file.Key), Is.Empty, "finished work was repeated");
        });
    }

    [Test]
    public void Repeated_DoesNothingAgain_AndOtherSettingsAreRefused()
    {
        Dictionary<string, DateTime> before = Snapshot.Times(_reference, "*.png");
        Program.Run(Arguments(_reference, workers: 2)).Succeeded();
        Assert.That(Snapshot.Times(_reference, "*.png"), Is.EqualTo(before));
        SortedDictionary<string, string> whole = Snapshot.Of(_reference);
        Program.Run([.. Arguments(_reference, workers: 1).Select(argument => argument == "2" ? "3" : argument)]).FailedWith(1, "other settings", "ipc: 2 -> 3", "--force");
        Assert.That(Snapshot.Of(_reference), Is.EqualTo(whole), "a refused run leaves config.toml as it is");
    }

    [Test]
    public void Comparison_HasEveryArm_AndDdoqIsNearerThanD4mInEveryClass()
    {
        using JsonDocument comparison = JsonDocument.Parse(File.ReadAllText(Path.Combine(_reference, "comparison.json")));
        JsonElement distances = comparison.RootElement.GetProperty("distances");
        var w2 = distances.EnumerateArray().ToDictionary(
            row => (row.GetProperty("arm").GetString(), row.GetProperty("class_index").GetInt32()),
            row => row.GetProperty("wasserstein").GetDouble());
        Assert.Multiple(() =>
        {
            Assert.That(comparison.RootElement.GetProperty("students").GetArrayLength(), Is.EqualTo(6));
            for (int c = 0; c < 10; c++)
                Assert.That(w2[("ddoq", c)], Is.LessThan(w2[("d4m", c)]), $"class {c}");
        });
    }

    [Test]
    public void Metadata_HasWeightsOfEquation34_AndCountsOfTheWholeClass()
    {
        var rows = File.ReadLines(Path.Combine(_reference, "distilled", "ddoq", "seed-0", "train", "metadata.jsonl"))
            .Select(line => JsonSerializer.Deserialize<JsonElement>(line)).ToArray();
        Assert.Multiple(() =>
        {
            foreach (var images in rows.GroupBy(row => row.GetProperty("label").GetInt32()))
            {
                Assert.That(images.Sum(row => Math.Pow(row.GetProperty("weight").GetDouble(), 2)), Is.EqualTo(2).Within(1e-6), "sum of w^2 is K");
                Assert.That(images.Sum(row => row.GetProperty("cluster_size").GetInt64()), Is.EqualTo(30), "counts sum to the class");
            }
        });
    }

    [Test]
    public void TorchvisionImageFolder_ReadsTheSet()
    {
        const string Script = """
            import sys
            try:
                from torchvision.datasets import ImageFolder
            except ImportError as e:
                print(e); sys.exit(77)
            data = ImageFolder(sys.argv[1])
            print(len(data), '|'.join(data.classes), data[0][0].size)
            """;
        (int exitCode, string output) = Python.Run(Script, Path.Combine(_reference, "distilled", "ddoq", "seed-0", "train"));
        if (exitCode == Python.Missing)
            Assert.Ignore("python3-torchvision is not installed");
        Assert.That(output.Trim(), Is.EqualTo(
            "20 Ankle boot|Bag|Coat|Dress|Pullover|Sandal|Shirt|Sneaker|T-shirt_top|Trouser (32, 32)"));
    }

    [Test]
    public void Report_IsSelfContained()
    {
        string html = File.ReadAllText(Path.Combine(_reference, "report.html"));
        Assert.Multiple(() =>
        {
            Assert.That(html, Does.Contain("T-shirt/top").And.Contain("data:image/png;base64,").And.Contain("D4M"));
            Assert.That(html, Does.Not.Contain("<script").And.Not.Contain("src=\"http"));
        });
    }

    [Test]
    public void Readme_ShowsTheTablesThatARunPrints()
    {
        string readme = MarkdownPage.All.Single(page => page.Name == "README.md").Blocks(string.Empty)
            .Select(lines => string.Join('\n', lines)).Single(block => block.StartsWith("W2", StringComparison.Ordinal));
        IReadOnlyList<string> printed = PrintedTables.Skeletons(Program.Run(Arguments(_reference, workers: 2)).Succeeded().Output);
        Assert.That(PrintedTables.Skeletons(readme), Is.EqualTo(printed));
        Assert.That(printed, Has.Count.AtLeast(2));
    }

    private string[] Arguments(string output, int workers) =>
    [
        "distill", "--data-dir", _data, "-o", output, "--ipc", "2", "--num-inference-steps", "4", "--batch-size", "4", "--rows-per-shard", "64",
        "--updates", "3", "--network-width", "16", "--repeats", "1", "--workers", $"{workers}",
    ];
}
