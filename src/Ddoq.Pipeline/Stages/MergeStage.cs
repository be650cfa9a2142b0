using Ddoq.Distilled;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>Joins the shares of a sharded quantisation to the very files that one whole run writes.</summary>
public static class MergeStage
{
    /// <summary>Joins parts into a folder.</summary>
    /// <param name="parts">Folders that <see cref="QuantizeStage"/> wrote, with equal settings; several shares may be in one.</param>
    /// <param name="output">Folder of the result; it may be one of the parts.</param>
    /// <param name="context">Whether to clear what the output holds, and progress.</param>
    /// <exception cref="DdoqException">
    /// A part is no quantisation or of another run, a class is missing in all parts, or the output cannot be written.
    /// </exception>
    public static void Run(IReadOnlyList<string> parts, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentNullException.ThrowIfNull(context);
        if (parts.Count == 0)
            throw new UsageException("no folders to merge", "Name the output folders of the shares.");
        StageRecord first = ReadPart(parts[0]);
        foreach (string part in parts.Skip(1))
            RefuseOther(parts[0], first, part, ReadPart(part));
        bool isPart = parts.Any(part => Path.GetFullPath(part).TrimEnd(Path.DirectorySeparatorChar) == Path.GetFullPath(output).TrimEnd(Path.DirectorySeparatorChar));
        if (isPart && context.Force)
            throw new UsageException($"--force would clear '{output}', one of the folders to merge", "Leave --force out, or choose another --output.");
        using StageFolder stage = StageFolder.Open(output, QuantizeStage.Name, first.Settings, context.Force);
        if (stage.IsComplete)
        {
            context.Progress.Message($"merge: complete in {output}");
            return;
        }

        PrototypeCheckpoint[] checkpoints = [.. parts.Select(PrototypeCheckpoint.Open)];
        checkpoints[0].SaveHeader(stage.Path);
        QuantizeStage.Join(stage, checkpoints);
        ClassTimes.Merge(parts, stage.Path);
    }

    private static StageRecord ReadPart(string part)
    {
        if (!Directory.Exists(part))
            throw new DdoqException($"'{part}' does not exist", "Check the path; give the --output folders of 'ddoq quantize --shard'.");
        StageRecord record = StageFolder.Read(part);
        return record.Stage == QuantizeStage.Name
            ? record
            : throw new DdoqException($"'{part}' holds the stage '{record.Stage}', not '{QuantizeStage.Name}'", "Give the --output folders of 'ddoq quantize --shard'.");
    }

    private static void RefuseOther(string firstPart, StageRecord first, string part, StageRecord record)
    {
        if (record.Fingerprint == first.Fingerprint)
            return;
        string differences = string.Join("; ", first.Settings.Keys.Union(record.Settings.Keys)
            .Order(StringComparer.Ordinal)
            .Select(key => (Key: key, First: first.Settings.GetValueOrDefault(key, "(not set)"), Other: record.Settings.GetValueOrDefault(key, "(not set)")))
            .Where(d => d.First != d.Other)
            .Select(d => $"{d.Key} is {d.Other} instead of {d.First}"));
        throw new DdoqException($"'{part}' belongs to another run than '{firstPart}': {differences}", "Give the shares of one run: same latents, same settings.");
    }
}
