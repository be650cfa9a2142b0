using System.Text.Json;
using System.Text.RegularExpressions;

namespace Ddoq.Cli.Tests;

/// <summary>Every command once through the command line, on data small enough for seconds.</summary>
public partial class EveryCommandTests
{
    private string _folder = string.Empty;

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("ddoq-every-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void EveryCommand_Runs_AndEveryStageKnowsItsOwnFilesWhenForced()
    {
        string data = SmallData.Create(At("data"), trainPerClass: 4, testPerClass: 2);
        string[] students = ["--updates", "2", "--repeats", "1", "--network-width", "16"];
        string[][] stages =
        [
            ["encode", "--data-dir", data, "-o", At("latents")],
            ["quantize", "--latents", At("latents"), "--ipc", "2", "-o", At("prototypes")],
            ["select", "--data-dir", data, "--ipc", "2", "-o", At("selected")],
            ["synthesize", "--prototypes", At("prototypes"), "--num-inference-steps", "2", "-o", At("set")],
            ["label", "--distilled", At("set"), "--class-check", "warn"],
            ["train", "--data-dir", data, "--distilled", At("set"), "--class-check", "warn", .. students, "-o", At("students")],
        ];
        string[][] others =
        [
            ["evaluate", "--latents", At("latents"), "--prototypes", At("prototypes")],
            ["merge", At("half1"), At("half2"), "-o", At("merged")],
            ["distill", "--data-dir", data, "--ipc", "1", "--arms", "ddoq,reweighted,selected,selected-w2,rded,random", "--candidates", "2", "--start-alpha-bar", "0.3", "--num-inference-steps", "2", "--class-check", "warn", .. students, "-o", At("run")],
            ["report", "--run", At("run")],
            ["inspect", At("prototypes")],
            ["bench", "kernels", "--list"],
            ["doctor"],
            ["completion", "bash"],
            ["plan", "--data-dir", data, "--ipc", "1", "--num-inference-steps", "2", .. students, "-o", At("planned")],
            ["status", At("planned")],
        ];
        foreach (string[] stage in stages)
        {
            string[] before = Directory.GetFileSystemEntries(_folder, "*", SearchOption.AllDirectories);
            using JsonDocument estimate = JsonDocument.Parse(Program.Run([.. stage, "--dry-run", "--json"]).Succeeded().Output);
            Assert.That(estimate.RootElement.GetProperty("estimated_seconds").GetDouble(), Is.Positive, stage[0]);
            Assert.That(estimate.RootElement.GetProperty("memory_megabytes").GetDouble(), Is.GreaterThan(20), stage[0]);
            Assert.That(Directory.GetFileSystemEntries(_folder, "*", SearchOption.AllDirectories), Is.EquivalentTo(before), $"{stage[0]} --dry-run writes nothing");
            Program.Run(stage).Succeeded();
        }

        foreach (string share in new[] { "1", "2" })
            Program.Run("quantize", "--latents", At("latents"), "--ipc", "2", "--shard", $"{share}/2", "-o", At("half" + share)).Succeeded();
        foreach (string[] command in others)
            Program.Run(command).Succeeded();

        Assert.That(File.ReadAllText(At("run", "report.html")), Does.Contain("All 2 candidates of the class T-shirt/top"));

        // A stage that writes a file under a name that StageFileNames lacks would refuse to clear its own folder.
        foreach (string[] stage in stages)
            Program.Run([.. stage, "--force"]).Succeeded();
        Assert.That(File.ReadAllBytes(At("merged", "prototypes.safetensors")), Is.EqualTo(File.ReadAllBytes(At("prototypes", "prototypes.safetensors"))));
        IEnumerable<string> commands = Commands().Matches(Program.Run("--help").Succeeded().Output.Split("Commands:")[1]).Select(match => match.Groups[1].Value);
        Assert.That(stages.Concat(others).Select(command => command[0]), Is.EquivalentTo(commands));
    }

    private string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    [GeneratedRegex(@"^  ([a-z]+)", RegexOptions.Multiline)]
    private static partial Regex Commands();
}
