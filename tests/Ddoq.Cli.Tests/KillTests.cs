using System.Diagnostics;

namespace Ddoq.Cli.Tests;

/// <summary>Stages killed at random moments (SIGKILL), again and again, end with the bytes of a run that nobody disturbed.</summary>
public class KillTests
{
    private const int Kills = 3;

    private string _folder = string.Empty;

    [OneTimeSetUp]
    public void MakeInputs()
    {
        _folder = Directory.CreateTempSubdirectory("ddoq-kill-").FullName;
        SmallData.Create(At("data"), trainPerClass: 60, testPerClass: 10);
        Run(Encode, "whole-encode");
        Program.Run("quantize", "--latents", At("whole-encode"), "--ipc", "3", "-o", At("prototypes")).Succeeded();
        Run(Synthesize, "whole-synthesize");
        Run(Train, "whole-train");
    }

    [OneTimeTearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("encode", "already done")]
    [TestCase("synthesize", "already done")]
    [TestCase("train", "goes on at update")]
    public void KilledAtRandomMoments_GoesOn_AndEndsWithTheSameBytes(string stage, string resumed)
    {
        Func<string, string[]> command = stage switch { "encode" => Encode, "synthesize" => Synthesize, _ => Train };
        string output = "killed-" + stage;
        int seed = Environment.TickCount;
        TestContext.Out.WriteLine($"seed of the kills: {seed}");
        var random = new Random(seed);
        bool hasResult = false;
        for (int kill = 0; kill < Kills; kill++)
        {
            // From the first result on, so that the start of the program is not all that is killed.
            double after = 1.5 * random.NextDouble();
            Stopwatch? since = null;
            hasResult |= Program.RunAndKill(
                () =>
                {
                    if (since is null && Results(output, stage) > 0)
                        since = Stopwatch.StartNew();
                    return since?.Elapsed.TotalSeconds > after;
                },
                command(output));
        }

        Outcome last = Program.Run(command(output)).Succeeded();
        Assert.That(Snapshot.Of(At(output)), Is.EqualTo(Snapshot.Of(At("whole-" + stage))));
        if (hasResult)
            Assert.That(last.Error, Does.Contain(resumed).Or.Contain("complete"), "work before the last kill is not done again");
    }

    [TestCase("600", 20)]
    [TestCase("0", 10, Description = "no time: what is in work is dropped")]
    public void Terminated_EndsWith143_AndSavesWhatIsInWork_WithinTheGrace(string grace, int saved)
    {
        // Three batches of ten: when the first is being written, the second is in work.
        string output = "terminated-" + grace;
        string[] command = ["synthesize", "--prototypes", At("prototypes"), "--batch-size", "10", "--num-inference-steps", "100", "--workers", "1", "--grace", grace, "-o", At(output)];
        Outcome? ended = Program.RunAndTerminate(() => Results(output, "synthesize") > 0, command);
        Assert.That(ended, Is.Not.Null, "it was quicker than the signal");
        Assert.That(ended.ExitCode, Is.EqualTo(143), ended.Error);
        Assert.That(ended.Error, Does.Contain("stopping at the next safe point"));
        Assert.That(Results(output, "synthesize"), Is.EqualTo(saved));
        Assert.That(Program.Run(command).Succeeded().Error, Does.Contain($"30 images, {saved} already done"));
    }

    private string At(string name) => Path.Combine(_folder, name);

    private static void Run(Func<string, string[]> command, string output) => Program.Run(command(output)).Succeeded();

    private int Results(string output, string stage) => Directory.Exists(At(output))
        ? Directory.GetFiles(At(output), stage switch { "encode" => "*.unfinished", "synthesize" => "*.png", _ => "student.safetensors" }, SearchOption.AllDirectories).Length
        : 0;

    private string[] Encode(string output) => ["encode", "--data-dir", At("data"), "--encode-batch-size", "4", "-o", At(output)];

    private string[] Synthesize(string output) => ["synthesize", "--prototypes", At("prototypes"), "--batch-size", "2", "-o", At(output)];

    private string[] Train(string output) =>
    [
        "train", "--data-dir", At("data"), "--distilled", At("whole-synthesize"), "--protocol", "small-image", "--updates", "200", "--train-batch-size", "10",
        "--network-width", "16", "--repeats", "2", "-o", At(output),
    ];
}
