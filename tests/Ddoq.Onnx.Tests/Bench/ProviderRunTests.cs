using System.Text.Json;
using Ddoq.Onnx.Tests.OnnxFiles;
using Ddoq.Onnx.Tests.ReferenceModels;

namespace Ddoq.Onnx.Tests.Bench;

public class ProviderRunTests
{
    [Test]
    public void OnTheCpu_EveryStageAgreesAndIsTimed_ALineEach()
    {
        using var folder = new TemporaryFolder();
        string results = folder.File("results.jsonl");
        int code = Ddoq.Bench.Onnx.Program.Main(
            ["--model", RepositoryFiles.Model, "--provider", "cpu", "--output", results, "--images", "2", "--batch-sizes", "1", "--seconds", "1"]);
        Assert.That(code, Is.Zero);
        JsonElement[] lines = [.. File.ReadLines(results).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.That(lines.Select(line => line.GetProperty("stage").GetString()), Is.EqualTo(new[] { "encode", "synthesize", "decode", "encode", "synthesize", "decode" }));
        Assert.That(lines.Take(3).Select(line => line.GetProperty("difference").GetDouble()), Is.All.LessThanOrEqualTo(1e-3));
        Assert.That(lines.Skip(3).Select(line => line.GetProperty("images_per_second").GetDouble()), Is.All.Positive);
    }

    [TestCase("--provider", "cuda", 3)]
    [TestCase("--provider", "gpu", 2)]
    public void ProviderThatIsNotThere_HasItsExitCode(string name, string value, int expected)
    {
        using var folder = new TemporaryFolder();
        Assert.That(Ddoq.Bench.Onnx.Program.Main(["--model", RepositoryFiles.Model, "--output", folder.File("results.jsonl"), name, value]), Is.EqualTo(expected));
    }
}
