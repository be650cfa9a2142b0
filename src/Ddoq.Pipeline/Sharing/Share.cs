using System.Globalization;
using Ddoq.Latents;

namespace Ddoq.Pipeline;

/// <summary>One of several shares of a stage's units, so that several processes divide a run between them.</summary>
/// <remarks>
/// Which unit is in which share follows from the inputs alone: processes need not talk to each other. Images, batches and
/// students are dealt in runs; classes by falling size, back and forth, so that the shares differ little in work.
/// </remarks>
/// <param name="Number">Which share, from 1.</param>
/// <param name="Count">Number of shares.</param>
public readonly record struct Share(int Number, int Count)
{
    private const string AutoWord = "auto";

    /// <summary>Everything.</summary>
    public static Share All { get; } = new(1, 1);

    /// <summary>Whether there are other shares.</summary>
    public bool IsPartial => Count > 1;

    /// <summary>Reads <c>I/N</c>, or <c>auto</c> and <c>auto/N</c>, which take I from the scheduler that started the process.</summary>
    /// <param name="text">For example <c>2/8</c>.</param>
    /// <exception cref="UsageException">It is none of these, I is not from 1 to N, or no scheduler says which share this process has.</exception>
    public static Share Parse(string text) => Parse(text, Environment.GetEnvironmentVariable);

    /// <summary>The same with other variables than the process's.</summary>
    internal static Share Parse(string text, Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] parts = text.Split('/');
        if (parts[0] == AutoWord && parts.Length <= 2)
        {
            int? given = parts.Length == 1 ? null : Number(parts[1]) is { } n and > 0 ? n : throw Refusal(text);
            return SchedulerShare.Find(variable, given);
        }

        return parts.Length == 2 && Number(parts[0]) is { } number && Number(parts[1]) is { } count && number >= 1 && number <= count
            ? new Share(number, count)
            : throw Refusal(text);

        static int? Number(string digits) =>
            int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null;
    }

    /// <summary>The run of units that this share has: from the first to below the end, none where there are fewer units than shares.</summary>
    /// <param name="units">Number of units.</param>
    public (int First, int End) Range(int units) => ((int)((long)units * (Number - 1) / Count), (int)((long)units * Number / Count));

    /// <summary>The classes of this share.</summary>
    /// <param name="source">Rows by class.</param>
    public IReadOnlySet<int> Of(ILatentSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        int[] falling = [.. Enumerable.Range(0, source.ClassNames.Count).OrderByDescending(source.RowCount).ThenBy(c => c)];
        var share = new HashSet<int>();
        for (int place = 0; place < falling.Length; place++)
        {
            (int round, int turn) = Math.DivRem(place, Count);
            if ((round % 2 == 0 ? turn : Count - 1 - turn) == Number - 1)
                share.Add(falling[place]);
        }

        return share;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number}/{Count}");

    private static UsageException Refusal(string text) => new(
        $"--shard: '{text}' is not allowed; allowed: I/N with I from 1 to N, auto, auto/N",
        "Give --shard 1/4, 2/4, 3/4 and 4/4 to four processes, or --shard auto in an array job.");
}

/// <summary>The share that a scheduler gives a process, by the variables it sets.</summary>
/// <remarks>
/// <para>HyperQueue: <c>HQ_TASK_ID</c>, from 1. Kubernetes' indexed jobs: <c>JOB_COMPLETION_INDEX</c>, from 0. Slurm's arrays:
/// <c>SLURM_ARRAY_TASK_ID</c>, with <c>_MIN</c>, <c>_COUNT</c> and <c>_STEP</c>. The innermost wins where several are set. Only
/// Slurm says how many there are; the others, and an array of which some tasks are submitted again, need the count:
/// <c>auto/N</c>, or the variable <c>DDOQ_SHARD_COUNT</c>. With a count given, Slurm's ids are numbers from 1.</para>
/// </remarks>
internal static class SchedulerShare
{
    private const string CountVariable = "DDOQ_SHARD_COUNT";

    public static Share Find(Func<string, string?> variable, int? givenCount)
    {
        int? count = givenCount ?? Read(variable, CountVariable, least: 1);
        if (Read(variable, "HQ_TASK_ID") is { } task)
            return Of("HQ_TASK_ID", task, task, count);
        if (Read(variable, "JOB_COMPLETION_INDEX") is { } index)
            return Of("JOB_COMPLETION_INDEX", index, index + 1, count);
        if (Read(variable, "SLURM_ARRAY_TASK_ID") is { } id)
            return count is null ? OfArray(variable, id) : Of("SLURM_ARRAY_TASK_ID", id, id, count);
        throw new UsageException(
            "--shard auto: none of SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX and HQ_TASK_ID is set",
            "Start it in an array job of Slurm, as an indexed job of Kubernetes or by HyperQueue, or give --shard 1/8.");
    }

    private static Share Of(string name, int value, int number, int? count)
    {
        if (count is not { } n)
            throw new UsageException($"--shard auto: {name} is {value}, and nothing says of how many", $"Give --shard auto/N, or set {CountVariable}.");
        return number >= 1 && number <= n
            ? new Share(number, n)
            : throw new UsageException(
                string.Create(CultureInfo.InvariantCulture, $"--shard auto: {name} is {value}, which is none of {n} shares"),
                name == "JOB_COMPLETION_INDEX" ? "Give the job's completions as the number of shares." : "Number the tasks from 1 to N, and give --shard auto/N.");
    }

    private static Share OfArray(Func<string, string?> variable, int id)
    {
        int least = Need("SLURM_ARRAY_TASK_MIN"), most = Need("SLURM_ARRAY_TASK_MAX"), count = Need("SLURM_ARRAY_TASK_COUNT");
        int step = Math.Max(1, Read(variable, "SLURM_ARRAY_TASK_STEP") ?? 1);

        // A part of an array that is submitted again would take itself for the whole.
        if (least > step || (most - least) / step + 1 != count || (most - least) % step != 0 || (id - least) % step != 0)
        {
            throw new UsageException(
                string.Create(CultureInfo.InvariantCulture, $"--shard auto: the array has {count} tasks from {least} to {most} in steps of {step}: these are not all of a run's shares"),
                "Number the array from 1, or give the count with --shard auto/N; then any task can be submitted again alone.");
        }

        return new Share(((id - least) / step) + 1, count);

        int Need(string name) => Read(variable, name)
            ?? throw new UsageException($"--shard auto: SLURM_ARRAY_TASK_ID is set, {name} is not", "Give the number of shares: --shard auto/N.");
    }

    private static int? Read(Func<string, string?> variable, string name, int least = 0)
    {
        if (variable(name) is not { Length: > 0 } text)
            return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least && value < int.MaxValue
            ? value
            : throw new UsageException($"--shard auto: {name} is '{text}', a whole number from {least} is expected", "Correct the variable, or give --shard I/N.");
    }
}
