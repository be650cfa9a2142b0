using System.Globalization;
using System.Text;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Planning;

/// <summary>How the jobs of a plan are to be run.</summary>
public sealed record JobOptions
{
    /// <summary>The program.</summary>
    public string Program { get; init; } = "ddoq";

    /// <summary>Folder that the jobs work in; relative paths of the settings are relative to it.</summary>
    public string WorkingFolder { get; init; } = Environment.CurrentDirectory;

    /// <summary>Shares at work at once; 0 leaves it to the scheduler.</summary>
    public int AtOnce { get; init; }

    /// <summary>Processors of a share; 0 leaves it to the scheduler.</summary>
    public int Processors { get; init; }

    /// <summary>GPUs of a share of a stage that runs networks or quantises.</summary>
    public int Gpus { get; init; }

    /// <summary>Slurm's partition; null takes its default.</summary>
    public string? Partition { get; init; }

    /// <summary>Container image of the pods.</summary>
    public string Image { get; init; } = "ddoq:latest";

    /// <summary>Claim of the shared volume, which is mounted at <see cref="WorkingFolder"/>.</summary>
    public string VolumeClaim { get; init; } = "ddoq";
}

/// <summary>The files that run a plan: a loop of a shell, Slurm's batch scripts, Kubernetes' manifests.</summary>
/// <remarks>Every share is idempotent, so all of them may be run again: what is done is found done.</remarks>
public static class JobFiles
{
    // A signal comes this long before Slurm's time limit, and Kubernetes waits this long before it kills.
    private const int GraceSeconds = 60;

    // What is left of it for ending, writing and leaving.
    private const int LeavingSeconds = 15;

    /// <summary>Writes all files below a folder.</summary>
    /// <param name="folder">Receives <c>config.toml</c>, <c>plan.json</c>, <c>run.sh</c>, <c>slurm</c> and <c>kubernetes</c>.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="options">Program, resources, image.</param>
    /// <returns>The files, relative to the folder.</returns>
    /// <exception cref="DdoqException">A file cannot be written.</exception>
    public static IReadOnlyList<string> Write(string folder, ScalePlan plan, JobOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(options);
        var files = new List<(string Name, string Text)>
        {
            ("config.toml", plan.Configuration.ToToml()),
            ("plan.json", plan.ToJson().ToJsonString(ResultFiles.Options) + "\n"),
            ("run.sh", Shell(plan, options)),
            ("slurm/submit.sh", SlurmSubmit(plan)),
            ("kubernetes/submit.sh", KubernetesSubmit(plan)),
        };
        for (int i = 0; i < plan.Stages.Count; i++)
        {
            PlannedStage stage = plan.Stages[i];
            files.Add(($"slurm/{NameOf(plan, i)}.sbatch", SlurmShares(stage, options)));
            files.Add(($"slurm/{NameOf(plan, i)}-merge.sbatch", SlurmMerge(stage, options)));
            files.Add(($"kubernetes/{NameOf(plan, i)}.yaml", Pods(stage, options, isMerge: false)));
            files.Add(($"kubernetes/{NameOf(plan, i)}-merge.yaml", Pods(stage, options, isMerge: true)));
        }

        foreach ((string name, string text) in files)
        {
            string path = Path.Combine(folder, name);
            try
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new DdoqException($"cannot create the folder of '{path}': {e.Message}", "Choose another --output.", e);
            }

            AtomicFile.WriteAllText(path, text);
            if (!OperatingSystem.IsWindows() && name.EndsWith(".sh", StringComparison.Ordinal))
                File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        }

        return [.. files.Select(file => file.Name)];
    }

    private static string NameOf(ScalePlan plan, int index) => string.Create(CultureInfo.InvariantCulture, $"{index + 1}-{plan.Stages[index].Stage}");

    private static string Shell(ScalePlan plan, JobOptions options)
    {
        var text = new StringBuilder("#!/usr/bin/env bash\n# All stages on one machine, AT_ONCE shares at a time: run.sh [AT_ONCE]. Run again after a failure: what is done is found done.\n");
        text.Append(CultureInfo.InvariantCulture, $"set -euo pipefail\ncd {Quote(options.WorkingFolder)}\nat_once=${{1:-{Math.Max(1, options.AtOnce)}}}\n");
        foreach (PlannedStage stage in plan.Stages)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nseq 1 {stage.Shares} | xargs -P \"$at_once\" -I '{{}}' {Command(stage, options)} --shard '{{}}/{stage.Shares}' --quiet >/dev/null\n");
            text.Append(CultureInfo.InvariantCulture, $"{Merge(stage, options)} --quiet >/dev/null\n");
        }

        return text.ToString();
    }

    private static string SlurmShares(PlannedStage stage, JobOptions options)
    {
        string limit = options.AtOnce > 0 ? string.Create(CultureInfo.InvariantCulture, $"%{options.AtOnce}") : string.Empty;
        var text = new StringBuilder("#!/usr/bin/env bash\n");
        text.Append(CultureInfo.InvariantCulture, $"#SBATCH --job-name=ddoq-{stage.Stage}\n#SBATCH --array=1-{stage.Shares}{limit}\n");
        text.Append(CultureInfo.InvariantCulture, $"#SBATCH --time={Minutes(stage)}\n#SBATCH --requeue\n#SBATCH --signal=TERM@{GraceSeconds}\n");
        AppendResources(text, stage, options);
        text.Append(CultureInfo.InvariantCulture, $"cd {Quote(options.WorkingFolder)}\n");
        text.Append(CultureInfo.InvariantCulture, $"srun {Command(stage, options)} --shard auto/{stage.Shares} --grace {GraceSeconds - LeavingSeconds} && exit 0\ncode=$?\n");
        text.Append("# 143: the signal before the time limit came, and what was in work is saved: the share goes on in another job.\n");
        text.Append("# By the array's id and the task's: SLURM_JOB_ID of the task that starts last is the array's, and would requeue all of them.\n");
        text.Append("[ \"$code\" -ne 143 ] || scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\"\nexit \"$code\"\n");
        return text.ToString();
    }

    private static string SlurmMerge(PlannedStage stage, JobOptions options)
    {
        var text = new StringBuilder("#!/usr/bin/env bash\n");
        text.Append(CultureInfo.InvariantCulture, $"#SBATCH --job-name=ddoq-{stage.Stage}-merge\n#SBATCH --time=60\n#SBATCH --requeue\n");
        if (stage.JoinsItself)
            AppendResources(text, stage, options);
        else if (options.Partition is { } partition)
            text.Append(CultureInfo.InvariantCulture, $"#SBATCH --partition={partition}\n");
        text.Append(CultureInfo.InvariantCulture, $"cd {Quote(options.WorkingFolder)}\nsrun {Merge(stage, options)}\n");
        return text.ToString();
    }

    private static void AppendResources(StringBuilder text, PlannedStage stage, JobOptions options)
    {
        if (options.Partition is { } partition)
            text.Append(CultureInfo.InvariantCulture, $"#SBATCH --partition={partition}\n");
        if (options.Processors > 0)
            text.Append(CultureInfo.InvariantCulture, $"#SBATCH --cpus-per-task={options.Processors}\n");
        if (UsesGpu(stage, options))
            text.Append(CultureInfo.InvariantCulture, $"#SBATCH --gres=gpu:{options.Gpus}\n");
    }

    private static string SlurmSubmit(ScalePlan plan)
    {
        var text = new StringBuilder("#!/usr/bin/env bash\n# Submits all stages, each behind the one before. Submit again after a failure: what is done is found done.\n");
        text.Append("set -euo pipefail\ncd \"$(dirname \"$0\")\"\nlogs=$PWD/logs\nmkdir -p \"$logs\"\n");
        text.Append("submit() { sbatch --parsable --kill-on-invalid-dep=yes \"$@\"; }\n");
        string after = string.Empty;
        for (int i = 0; i < plan.Stages.Count; i++)
        {
            string name = NameOf(plan, i);
            text.Append(CultureInfo.InvariantCulture, $"shares=$(submit {after}--output \"$logs/{name}-%a.log\" {name}.sbatch)\n");
            text.Append(CultureInfo.InvariantCulture, $"merge=$(submit --dependency=afterok:\"${{shares%%;*}}\" --output \"$logs/{name}-merge.log\" {name}-merge.sbatch)\n");
            text.Append(CultureInfo.InvariantCulture, $"echo \"{plan.Stages[i].Stage}: $shares, merge $merge\"\n");
            after = "--dependency=afterok:\"${merge%%;*}\" ";
        }

        return text.ToString();
    }

    private static string KubernetesSubmit(ScalePlan plan)
    {
        var text = new StringBuilder("#!/usr/bin/env bash\n# Runs all stages, each behind the one before: Kubernetes knows no order of jobs.\n");
        text.Append("set -euo pipefail\ncd \"$(dirname \"$0\")\"\n");
        text.Append("run() {\n    kubectl delete job \"$2\" --ignore-not-found\n    kubectl apply -f \"$1\"\n");
        text.Append("    until kubectl wait --for=condition=complete --timeout=10s \"job/$2\" 2>/dev/null; do\n");
        text.Append("        ! kubectl wait --for=condition=failed --timeout=1s \"job/$2\" 2>/dev/null || { echo \"$2 failed\"; exit 1; }\n    done\n}\n");
        for (int i = 0; i < plan.Stages.Count; i++)
        {
            string name = NameOf(plan, i), stage = plan.Stages[i].Stage;
            text.Append(CultureInfo.InvariantCulture, $"run {name}.yaml ddoq-{stage}\nrun {name}-merge.yaml ddoq-{stage}-merge\n");
        }

        return text.ToString();
    }

    private static string Pods(PlannedStage stage, JobOptions options, bool isMerge)
    {
        string name = isMerge ? $"ddoq-{stage.Stage}-merge" : $"ddoq-{stage.Stage}";
        int completions = isMerge ? 1 : stage.Shares, parallel = isMerge ? 1 : options.AtOnce > 0 ? Math.Min(options.AtOnce, stage.Shares) : stage.Shares;
        string[] arguments = isMerge
            ? Joining(stage, options)
            : [stage.Stage, .. Arguments(stage, options), "--shard", string.Create(CultureInfo.InvariantCulture, $"auto/{stage.Shares}"), "--grace", (GraceSeconds - LeavingSeconds).ToString(CultureInfo.InvariantCulture), "--scratch", "/scratch"];
        var text = new StringBuilder("apiVersion: batch/v1\nkind: Job\nmetadata:\n");
        text.Append(CultureInfo.InvariantCulture, $"  name: {name}\n  labels:\n    app: ddoq\nspec:\n");
        text.Append(CultureInfo.InvariantCulture, $"  completionMode: Indexed\n  completions: {completions}\n  parallelism: {parallel}\n");
        text.Append("  # An index is tried four times; wrong settings (exit code 2) and a missing device (3) fail it at once; a lost node costs no try.\n");
        text.Append("  backoffLimitPerIndex: 3\n  podFailurePolicy:\n    rules:\n      - action: Ignore\n        onPodConditions:\n          - type: DisruptionTarget\n            status: \"True\"\n");
        text.Append("      - action: FailIndex\n        onExitCodes:\n          containerName: ddoq\n          operator: In\n          values: [2, 3]\n");
        text.Append("  template:\n    metadata:\n      labels:\n        app: ddoq\n    spec:\n      restartPolicy: Never\n");
        text.Append(CultureInfo.InvariantCulture, $"      terminationGracePeriodSeconds: {GraceSeconds}\n      containers:\n        - name: ddoq\n          image: {Text(options.Image)}\n");
        text.Append(CultureInfo.InvariantCulture, $"          command: [{Text(options.Program)}]\n          args: [{string.Join(", ", arguments.Select(Text))}]\n          workingDir: {Text(options.WorkingFolder)}\n");
        AppendPodResources(text, stage, options, isMerge && !stage.JoinsItself);
        text.Append(CultureInfo.InvariantCulture, $"          volumeMounts:\n            - name: shared\n              mountPath: {Text(options.WorkingFolder)}\n            - name: scratch\n              mountPath: /scratch\n");
        text.Append(CultureInfo.InvariantCulture, $"      volumes:\n        - name: shared\n          persistentVolumeClaim:\n            claimName: {Text(options.VolumeClaim)}\n        - name: scratch\n          emptyDir: {{}}\n");
        return text.ToString();
    }

    private static void AppendPodResources(StringBuilder text, PlannedStage stage, JobOptions options, bool isMerge)
    {
        const long Slack = 1L << 29;
        long mebibytes = isMerge ? 2048 : ((stage.MemoryBytes + Slack) >> 20) / 256 * 256 + 256;
        text.Append(CultureInfo.InvariantCulture, $"          resources:\n            requests:\n              memory: {mebibytes}Mi\n");
        if (options.Processors > 0)
            text.Append(CultureInfo.InvariantCulture, $"              cpu: \"{(isMerge ? 1 : options.Processors)}\"\n");
        if (!isMerge && UsesGpu(stage, options))
            text.Append(CultureInfo.InvariantCulture, $"            limits:\n              nvidia.com/gpu: {options.Gpus}\n");
    }

    private static bool UsesGpu(PlannedStage stage, JobOptions options) => options.Gpus > 0 && stage.Stage != "train";

    // A share waits for its scheduler to be started again only when it takes much longer than was measured.
    private static int Minutes(PlannedStage stage) => (int)Math.Clamp(Math.Ceiling(4 * stage.SecondsPerShare / 60), 15, 7 * 24 * 60);

    private static IEnumerable<string> Arguments(PlannedStage stage, JobOptions options) =>
        options.Processors > 0 ? [.. stage.Arguments, "--workers", options.Processors.ToString(CultureInfo.InvariantCulture)] : stage.Arguments;

    private static string Command(PlannedStage stage, JobOptions options) =>
        string.Join(' ', Arguments(stage, options).Prepend(stage.Stage).Prepend(options.Program).Select(Quote));

    private static string Merge(PlannedStage stage, JobOptions options) => string.Join(' ', Joining(stage, options).Prepend(options.Program).Select(Quote));

    private static string[] Joining(PlannedStage stage, JobOptions options) => stage.JoinsItself ? [stage.Stage, .. Arguments(stage, options)] : ["merge", stage.Output];

    private static string Quote(string word) =>
        word.All(c => char.IsAsciiLetterOrDigit(c) || "-_./=:,+%@".Contains(c, StringComparison.Ordinal)) && word.Length > 0
            ? word : "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    private static string Text(string value) => System.Text.Json.JsonSerializer.Serialize(value, ResultFiles.Options);
}
