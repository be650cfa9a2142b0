using System.Text.Json;

namespace Ddoq.Cli.Tests;

/// <summary><c>synthesize --candidates</c> and <c>select --from</c> with the shipped models: killed runs, and what each command says.</summary>
public class CandidateTests
{
    private string _folder = string.Empty;

    [OneTimeSetUp]
    public void MakeCandidates()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-candidates-").FullName;
        Program.Run("encode", "--data-dir", SmallData.Create(At("data")), "-o", At("latents")).Succeeded();
        Program.Run("quantize", "--latents", At("latents"), "--ipc", "2", "-o", At("prototypes")).Succeeded();
        Program.Run(Draw("candidates")).Succeeded();
        Program.Run(Select("set")).Succeeded();
    }

    [OneTimeTearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void CandidatesThatAreKilled_ThenRepeated_EndWithTheSameBytes() => KillAndRepeat(Draw("killed"), "killed", "*.safetensors", "candidates");

    [TestCase("0000?.json")]
    [TestCase("*.png")]
    public void ASelectionThatIsKilled_ThenRepeated_EndsWithTheSameBytes(string marker) =>
        KillAndRepeat(Select("killed" + marker[1]), "killed" + marker[1], marker, "set");

    [Test]
    public void Inspect_SaysHowManyCandidatesThereAre()
    {
        JsonElement found = JsonDocument.Parse(Program.Run("inspect", At("candidates"), "--json").Succeeded().Output).RootElement;
        Assert.That((found.GetProperty("count").GetInt64(), found.GetProperty("per_prototype").GetInt32()), Is.EqualTo((240, 12)));
    }

    [Test]
    public void Force_ClearsWhatTheStagesWrote()
    {
        Program.Run([.. Draw("forced"), "--num-inference-steps", "3"]).Succeeded();
        Program.Run([.. Draw("forced"), "--num-inference-steps", "2", "--force"]).Succeeded();
        Program.Run("select", "--from", At("forced"), "--latents", At("latents"), "-o", At("forced-set")).Succeeded();
        Program.Run("select", "--from", At("forced"), "--latents", At("latents"), "--objective", "w2", "-o", At("forced-set"), "--force").Succeeded();
    }

    [Test]
    public void WhatIsMissing_IsSaid()
    {
        Program.Run("select", "--from", At("candidates"), "-o", At("none")).FailedWith(2, "--latents is required");
        Program.Run("select", "--from", At("prototypes"), "--latents", At("latents"), "-o", At("none")).FailedWith(1, "holds no candidates", "--candidates");
    }

    private string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    private string[] Draw(string output) => ["synthesize", "--prototypes", At("prototypes"), "--candidates", "12", "-o", At(output)];

    private string[] Select(string output) => ["select", "--from", At("candidates"), "--latents", At("latents"), "--candidate-latents", "images", "--min-confidence", "0.5", "-o", At(output)];

    private void KillAndRepeat(string[] arguments, string output, string marker, string reference)
    {
        Assert.That(Program.RunAndKill(() => Snapshot.Times(At(output), marker).Count > 0, arguments), Is.True, "the run ended before it could be killed");
        Dictionary<string, DateTime> finished = Snapshot.Times(At(output), marker);
        Program.Run(arguments).Succeeded();
        Assert.Multiple(() =>
        {
            Assert.That(Snapshot.Of(At(output)), Is.EqualTo(Snapshot.Of(At(reference))));
            Assert.That(finished.Where(file => File.GetLastWriteTimeUtc(file.Key) != file.Value).Select(file => file.Key), Is.Empty, "finished work was repeated");
        });
    }
}
