using System.Text.Json;

namespace Ddoq.Cli.Tests;

/// <summary>Models of both kinds as the commands see them.</summary>
[NonParallelizable]
public class ModelTests
{
    private string _folder = string.Empty;

    private static string TextModel => Path.Combine(Program.RepositoryRoot, "models", "fashion-mnist-unet");

    [OneTimeSetUp]
    public void Create() => _folder = Directory.CreateTempSubdirectory("ddoq-models-").FullName;

    [OneTimeTearDown]
    public void Delete() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Doctor_NamesTheNetworksOfAModel() =>
        Assert.That(Program.Run("doctor", "--model", Program.Model).Succeeded().Output, Does.Contain("DiT, 10 classes").And.Contain("'noise_pred' float32 [?,4,8,8]"));

    [Test]
    public void Inspect_NamesTheNetworksOfATextConditionalModel()
    {
        RequireTextModel();
        string output = Program.Run("inspect", TextModel).Succeeded().Output;
        Assert.That(output, Does.Contain("StableDiffusion").And.Contain("a photo of {class}").And.Contain("'encoder_hidden_states' float32 [?,24,96]"));
    }

    [Test]
    public void Distill_WithATextConditionalModel_ReachesTheReport()
    {
        RequireTextModel();
        string data = SmallData.Create(Path.Combine(_folder, "data")), output = Path.Combine(_folder, "run");
        Outcome run = Program.Run(
            "distill", "--data-dir", data, "--model", TextModel, "-o", output, "--ipc", "2", "--num-inference-steps", "8", "--arms", "ddoq,noise",
            "--updates", "3", "--repeats", "1", "--network-width", "16", "--prompt", "a picture of {class}").Succeeded();
        Assert.That(run.Error, Does.Contain("provider auto: "));
        JsonElement settings = JsonDocument.Parse(File.ReadAllText(Path.Combine(output, "distilled", "ddoq", "seed-0", "stage.json"))).RootElement.GetProperty("settings");
        Assert.That(settings.GetProperty("prompts").GetString(), Does.StartWith("a picture of T-shirt/top"));
        Assert.That(File.Exists(Path.Combine(output, "report.html")));
        Assert.That(Directory.EnumerateFiles(Path.Combine(output, "distilled", "ddoq", "seed-0", "train"), "*.png", SearchOption.AllDirectories).Count(), Is.EqualTo(20));
    }

    [Test]
    public void DryRun_MeasuresAndWritesNothing()
    {
        string output = Path.Combine(_folder, "dry");
        using JsonDocument plan = JsonDocument.Parse(Program.Run("distill", "--dry-run", "--json", "-o", output).Succeeded().Output);
        JsonElement synthesis = plan.RootElement.GetProperty("synthesis")[0];
        Assert.Multiple(() =>
        {
            Assert.That(synthesis.GetProperty("images").GetInt32(), Is.EqualTo(1200), "four sets of ten images for ten classes, three times");
            Assert.That(synthesis.GetProperty("network_calls").GetInt32(), Is.GreaterThan(6));
            Assert.That(synthesis.GetProperty("seconds_per_call").GetDouble(), Is.Positive);
            Assert.That(
                plan.RootElement.GetProperty("stages").EnumerateArray().Select(row => $"{row.GetProperty("stage")} {row.GetProperty("what")} x{row.GetProperty("times")}"),
                Is.SupersetOf(new[] { "encode training images x1", "quantize support x3", "synthesize noise x3", "select energy x3", "random-images random x3", "label each set x18", "evaluate exact W2 x1" }));
            Assert.That(Calls(plan, "noise"), Is.GreaterThan(Calls(plan, "d4m")).And.GreaterThan(0), "all steps of the sampler");
            Assert.That(Calls(plan, "support"), Is.LessThan(Calls(plan, "d4m")), "support points start nearer to the images");
            Assert.That(Calls(plan, "energy"), Is.Zero);
            Assert.That(Directory.Exists(output), Is.False);
        });
    }

    private static long Calls(JsonDocument plan, string set) => plan.RootElement.GetProperty("stages").EnumerateArray()
        .Where(row => row.GetProperty("what").GetString() == set).Sum(row => row.GetProperty("network_calls").GetInt64());

    [Test]
    public void OptionsThatContradictTheProvider_AreRefused()
    {
        Program.Run("distill", "--precision", "float16", "-o", Path.Combine(_folder, "x")).FailedWith(2, "--precision", "auto");
        Program.Run("distill", "--ort-path", _folder, "-o", Path.Combine(_folder, "x")).FailedWith(2, "libonnxruntime.so");
    }

    private static void RequireTextModel()
    {
        if (!File.Exists(Path.Combine(TextModel, "model_index.json")))
            Assert.Ignore($"the text-conditional reference model is not in this checkout ({TextModel})");
    }
}
