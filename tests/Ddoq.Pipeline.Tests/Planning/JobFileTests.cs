using Ddoq.Pipeline.Configuration;
using Ddoq.Pipeline.Planning;

namespace Ddoq.Pipeline.Tests.Planning;

public class JobFileTests
{
    private string _folder = string.Empty;

    [SetUp]
    public void CreateFolder() => _folder = Directory.CreateTempSubdirectory("ddoq-jobs-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void AShare_IsRequeuedByItsTask_AndJoinedByMerge()
    {
        Write(new PlannedStage("encode", ["-c", "run/jobs/config.toml", "-o", "run/latents"], "run/latents", 100, "images", 1, 2, 8, 1, 1));
        string script = File.ReadAllText(Path.Combine(_folder, "slurm", "1-encode.sbatch"));
        Assert.That(script, Does.Contain("#SBATCH --array=1-8\n").And.Contain("--shard auto/8 --grace 45").And.Contain("scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\""));
        Assert.That(File.ReadAllText(Path.Combine(_folder, "slurm", "1-encode-merge.sbatch")), Does.EndWith("srun ddoq merge run/latents\n"));
        Assert.That(File.ReadAllText(Path.Combine(_folder, "run.sh")), Does.Contain("ddoq merge run/latents --quiet"));
        Assert.That(File.ReadAllText(Path.Combine(_folder, "kubernetes", "1-encode-merge.yaml")), Does.Contain("args: [\"merge\", \"run/latents\"]"));
    }

    [Test]
    public void WeightsFromTheImages_AreMadeByTheStage_WithItsResources()
    {
        string[] arguments = ["-c", "run/jobs/config.toml", "--prototypes", "run/prototypes", "-o", "run/set", "--latents", "run/latents"];
        Write(new PlannedStage("synthesize", arguments, "run/set", 100, "images", 1, 2, 8, 1, 1) { JoinsItself = true });
        string command = string.Join(' ', arguments.Prepend("synthesize"));
        Assert.That(File.ReadAllText(Path.Combine(_folder, "slurm", "1-synthesize-merge.sbatch")), Does.EndWith($"srun ddoq {command}\n").And.Contain("--gres=gpu:1"));
        Assert.That(File.ReadAllText(Path.Combine(_folder, "run.sh")), Does.Contain($"ddoq {command} --quiet"));
        string pod = File.ReadAllText(Path.Combine(_folder, "kubernetes", "1-synthesize-merge.yaml"));
        Assert.That(pod, Does.Contain("nvidia.com/gpu: 1").And.Contain("args: [\"synthesize\", \"-c\"").And.Not.Contain("--shard"));
    }

    private void Write(PlannedStage stage) =>
        JobFiles.Write(_folder, new ScalePlan([stage], PipelineConfiguration.Empty), new JobOptions { WorkingFolder = "/work", Gpus = 1 });
}
