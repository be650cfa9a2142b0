using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ddoq.Cli.Tests;

/// <summary><c>ddoq train</c> on one distilled set: every protocol, the weights and soft labels that the set stores, and what is refused.</summary>
[NonParallelizable]
public class TrainTests
{
    private string _folder = string.Empty;
    private string _data = string.Empty;
    private string _prototypes = string.Empty;
    private string _set = string.Empty;

    [OneTimeSetUp]
    public void MakeASet()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-train-").FullName;
        _data = SmallData.Create(Path.Combine(_folder, "data"), trainPerClass: 12, testPerClass: 3);
        _prototypes = Path.Combine(_folder, "prototypes");
        _set = Path.Combine(_folder, "set");
        Program.Run("encode", "--data-dir", _data, "-o", Path.Combine(_folder, "latents")).Succeeded();
        Program.Run("quantize", "--latents", Path.Combine(_folder, "latents"), "--ipc", "2", "-o", _prototypes).Succeeded();
        Program.Run("synthesize", "--prototypes", _prototypes, "--num-inference-steps", "2", "-o", _set).Succeeded();
        Program.Run("label", "--distilled", _set).Succeeded();
    }

    [OneTimeTearDown]
    public void CleanUp() => Directory.Delete(_folder, recursive: true);

    [TestCase("rded", true)]
    [TestCase("stored-soft", false)]
    [TestCase("small-image", false)]
    [TestCase("small-image-dsa", false)]
    [TestCase("minimax-hard", false)]
    [TestCase("igd-hard", false)]
    public void EveryProtocol_Trains_AndOnlyTheTeachersOwnNeedsOne(string protocol, bool needsTeacher)
    {
        string model = ModelWithoutTeacher(), output = Path.Combine(_folder, protocol);
        string[] arguments = ["train", "--data-dir", _data, "--distilled", _set, "--protocol", protocol, "--updates", "2", "--repeats", "1", "--network-width", "16"];
        if (needsTeacher)
            Program.Run([.. arguments, "--model", model, "-o", output]).FailedWith(1, protocol, "no folder 'teacher'", "--teacher");
        Program.Run([.. arguments, "--model", needsTeacher ? Program.Model : model, "-o", output]).Succeeded();
        JsonElement result = Result(output);
        Assert.That(result.GetProperty("protocol").GetString(), Is.EqualTo(protocol));
        Assert.That(result.GetProperty("recipe").GetString(), Does.StartWith($"{protocol}, shortened: 2 updates of ").And.EndsWith(", width 16"));
    }

    [Test]
    public void ASetOfAnotherSizeThanTheModels_IsMeasuredAtItsOwn()
    {
        string set = Path.Combine(_folder, "coreset"), output = Path.Combine(_folder, "of-coreset");
        Program.Run("select", "--data-dir", _data, "--ipc", "2", "-o", set).Succeeded();
        Program.Run("train", "--data-dir", _data, "--distilled", set, "--protocol", "small-image", "--updates", "1", "--repeats", "1", "--network-width", "16", "-o", output).Succeeded();
        Assert.That(Result(output).GetProperty("images_per_class").GetInt32(), Is.EqualTo(2));
    }

    [Test]
    public void WithoutOptions_AProtocolHasItsOwnNumbers()
    {
        // One class of the demo's defaults would be the wrong one: 600 updates of 10.
        string output = Path.Combine(_folder, "own");
        Outcome run = Program.Run("train", "--data-dir", _data, "--distilled", _set, "--protocol", "small-image", "--network-width", "16", "--repeats", "1", "-o", output, "--json").Succeeded();
        JsonElement result = Result(output);
        Assert.That(result.GetProperty("updates").GetInt32(), Is.EqualTo(300), "300 epochs of one batch");
        Assert.That(run.Error, Does.Contain("train: protocol small-image, changed: width 16").Or.Contain("train: protocol small-image, shortened: width 16"));
    }

    [Test]
    public void StoredWeights_AreUsed_UnlessARuleIsAskedFor_WhichIsSaid()
    {
        string set = Copy("weighted");
        EditMetadata(set, (row, i) => row["weight"] = i % 2 == 0 ? 5.0 : 0.0);
        string[] arguments = ["train", "--data-dir", _data, "--distilled", set, "--protocol", "small-image", "--updates", "1", "--repeats", "1", "--network-width", "16"];
        Outcome own = Program.Run([.. arguments, "-o", Path.Combine(_folder, "own-weights")]).Succeeded();
        Outcome other = Program.Run([.. arguments, "--weights", "none", "-o", Path.Combine(_folder, "rule")]).Succeeded();
        JsonElement stored = Result(Path.Combine(_folder, "own-weights")), rule = Result(Path.Combine(_folder, "rule"));
        Assert.Multiple(() =>
        {
            Assert.That(stored.GetProperty("weight_rule").GetString(), Is.EqualTo("stored"));
            Assert.That(stored.GetProperty("weights")[3].GetProperty("maximum").GetDouble(), Is.EqualTo(5));
            Assert.That(stored.GetProperty("weights")[3].GetProperty("effective_sample_size").GetDouble(), Is.EqualTo(1));
            Assert.That(own.Error, Does.Not.Contain("replaced"));
            Assert.That(rule.GetProperty("weight_rule").GetString(), Is.EqualTo("none"));
            Assert.That(rule.GetProperty("weights")[3].GetProperty("maximum").GetDouble(), Is.EqualTo(1));
            Assert.That(other.Error, Does.Contain("the weights that the set stores are replaced: none"));
        });

        // Edited weights are another training, and the refusal says so.
        EditMetadata(set, (row, _) => row["weight"] = 2.0);
        Program.Run([.. arguments, "-o", Path.Combine(_folder, "own-weights")]).FailedWith(1, "other settings", "weight_values: the content is another one");
        EditMetadata(set, (row, _) => row.Remove("cluster_size"));
        Program.Run([.. arguments, "--weights", "sqrt", "-o", Path.Combine(_folder, "no-sizes")]).FailedWith(2, "no cluster sizes", "--weights");
    }

    [Test]
    public void SoftLabels_OfAnotherSet_OrMissing_AreRefused()
    {
        string set = Copy("foreign-labels");
        string[] arguments = ["train", "--data-dir", _data, "--distilled", set, "--protocol", "stored-soft", "--updates", "1", "--repeats", "1", "--network-width", "16", "-o", Path.Combine(_folder, "no-labels")];
        string[] lines = File.ReadAllLines(MetadataOf(set));
        File.WriteAllLines(MetadataOf(set), [.. lines[2..], .. lines[..2]]);
        Program.Run(arguments).FailedWith(1, "soft_labels.safetensors", "row 0 has label 0");
        File.WriteAllLines(MetadataOf(set), lines);
        File.Delete(Path.Combine(set, "soft_labels.safetensors"));
        Program.Run(arguments).FailedWith(1, "soft_labels.safetensors", "is missing", "ddoq label --distilled");
    }

    [Test]
    public void ABrokenLineOfTheMetadata_IsNamed()
    {
        string set = Copy("broken");
        EditMetadata(set, (row, i) => row["weight"] = i == 4 ? -1.0 : 1.0);
        Program.Run("train", "--data-dir", _data, "--distilled", set, "-o", Path.Combine(_folder, "b")).FailedWith(1, "metadata.jsonl', line 5", "weight -1");
    }

    [Test]
    public void OtherWeights_RewriteTheMetadata_AndKeepImagesAndSoftLabels()
    {
        string set = Copy("reweighted"), first = File.ReadAllText(MetadataOf(set));
        Dictionary<string, DateTime> images = Snapshot.Times(set, "*.png");
        string[] arguments = ["synthesize", "--prototypes", _prototypes, "--num-inference-steps", "2", "-o", set, "--weights"];
        Outcome outcome = Program.Run([.. arguments, "direct"]).Succeeded();
        double[] weights = [.. File.ReadLines(MetadataOf(set)).Select(line => JsonNode.Parse(line)!["weight"]!.GetValue<double>())];
        Assert.Multiple(() =>
        {
            Assert.That(outcome.Error, Does.Contain("weights are written anew: sqrt -> direct"));
            Assert.That(Snapshot.Times(set, "*.png"), Is.EqualTo(images));
            Assert.That(weights[0] + weights[1], Is.EqualTo(1).Within(1e-6), "shares of a class");
        });
        Program.Run("label", "--distilled", set).Succeeded();
        Program.Run([.. arguments, "sqrt"]).Succeeded();
        Assert.That(File.ReadAllText(MetadataOf(set)), Is.EqualTo(first));
    }

    private static string MetadataOf(string set) => Path.Combine(set, "train", "metadata.jsonl");

    private static void EditMetadata(string set, Action<JsonObject, int> edit)
    {
        JsonObject[] rows = [.. File.ReadLines(MetadataOf(set)).Select(line => JsonNode.Parse(line)!.AsObject())];
        for (int i = 0; i < rows.Length; i++)
            edit(rows[i], i);
        File.WriteAllLines(MetadataOf(set), rows.Select(row => row.ToJsonString()));
    }

    private static JsonElement Result(string output) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(output, "seed-0", "result.json"))).RootElement;

    private string Copy(string name) => CopyFolder(_set, Path.Combine(_folder, name));

    private string ModelWithoutTeacher()
    {
        string target = Path.Combine(_folder, "model");
        if (!Directory.Exists(target))
        {
            CopyFolder(Program.Model, target);
            Directory.Delete(Path.Combine(target, "teacher"), recursive: true);
        }

        return target;
    }

    private static string CopyFolder(string source, string target)
    {
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(target, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return target;
    }
}
