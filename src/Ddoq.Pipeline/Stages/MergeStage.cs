using Ddoq.Distilled;
using Ddoq.Imaging;
using Ddoq.Pipeline.Configuration;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Stages;

/// <summary>Joins the shares of a stage to the very files that one whole run writes.</summary>
/// <remarks>
/// Inputs and models are not needed. Shares that worked in one folder are joined in place; those of several folders are
/// copied first, but for prototypes, which are read where they are. A unit that two folders have must be the same in both.
/// </remarks>
public static class MergeStage
{
    private const string ShareHint = "Give the --output folders of shares of 'ddoq encode', 'quantize', 'synthesize', 'select' or 'train', or the folder 'labels' of sets.";

    /// <summary>Joins parts into a folder.</summary>
    /// <param name="parts">Folders that shares of one stage wrote, with equal settings; several shares may be in one.</param>
    /// <param name="output">Folder of the result; it may be one of the parts.</param>
    /// <param name="context">Whether to clear what the output holds, and progress.</param>
    /// <returns>Name of the stage.</returns>
    /// <exception cref="DdoqException">
    /// A part holds no such stage or another run, a unit is missing in all parts or different in two, or the output cannot be written.
    /// </exception>
    public static string Run(IReadOnlyList<string> parts, string output, StageContext context)
    {
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentNullException.ThrowIfNull(context);
        if (parts.Count == 0)
            throw new UsageException("no folders to merge", "Name the output folders of the shares.");
        if (parts.FirstOrDefault(part => !Directory.Exists(part)) is { } nowhere)
            throw new DdoqException($"'{nowhere}' does not exist", "Check the path. " + ShareHint);
        if (context.Force && parts.Any(part => IsSame(part, output)))
            throw new UsageException($"--force would clear '{output}', one of the folders to merge", "Leave --force out, or choose another --output.");
        if (!File.Exists(Path.Combine(parts[0], StageFolder.RecordFileName)) && TrainStage.FindPlan(parts) is { } students)
        {
            TrainStage.Join(parts, output, students, context);
            return TrainStage.Name;
        }

        StageRecord first = StageFolder.Read(parts[0]);
        Action<StageFolder> joinParts = JoinOf(first.Stage, parts, context)
            ?? throw new DdoqException($"'{parts[0]}' holds the stage '{first.Stage}', which has no shares", ShareHint);
        foreach (string part in parts.Skip(1))
            RefuseOther(parts[0], first, part, StageFolder.Read(part));
        using StageFolder stage = StageFolder.Open(output, first.Stage, first.Settings, context.Force);
        if (stage.IsComplete)
        {
            LabelStage.RemoveParts(output);
            context.Progress.Message($"merge: complete in {output}");
            return first.Stage;
        }

        stage.AddTime(TimeSpan.FromSeconds(parts.SelectMany(part => new ShareFolder(part).Read()).Sum(share => share.Record.Seconds)));
        joinParts(stage);
        CopySettings(parts[0], output);
        return first.Stage;
    }

    /// <summary>Whether two paths are one folder.</summary>
    internal static bool IsSame(string a, string b) =>
        Path.TrimEndingDirectorySeparator(Path.GetFullPath(a)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(b));

    /// <summary>Copies files of a part into the output; one that is there must be the same, unless it is damaged.</summary>
    /// <param name="part">A part; nothing happens when it is the output.</param>
    /// <param name="output">The output.</param>
    /// <param name="files">Paths of the files.</param>
    /// <param name="isWhole">Whether a file is whole; those of the part that are not are left out.</param>
    internal static void Gather(string part, string output, IEnumerable<string> files, Func<string, bool> isWhole)
    {
        if (IsSame(part, output))
            return;
        foreach (string source in files.Order(StringComparer.Ordinal))
        {
            string target = Path.Combine(output, Path.GetRelativePath(part, source));
            if (!isWhole(source))
                continue;
            if (File.Exists(target) && isWhole(target))
            {
                if (ContentHash.OfFile(source) != ContentHash.OfFile(target))
                    throw new DdoqException($"'{source}' and '{target}' are one unit made twice, with different results", "Nodes of different processors round differently: keep the shares of one kind of node, and delete the other file.");
                continue;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            AtomicFile.Write(target, stream =>
            {
                using var from = new FileStream(source, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1 << 20, FileOptions.SequentialScan);
                from.CopyTo(stream, 1 << 20);
            });
        }
    }

    /// <summary>Copies the settings that the program saves beside a result.</summary>
    internal static void CopySettings(string part, string output)
    {
        string source = Path.Combine(part, "config.toml"), target = Path.Combine(output, "config.toml");
        if (File.Exists(source) && !File.Exists(target))
            AtomicFile.WriteAllText(target, File.ReadAllText(source));
    }

    private static Action<StageFolder>? JoinOf(string name, IReadOnlyList<string> parts, StageContext context)
    {
        switch (name)
        {
            case QuantizeStage.Name:
                return stage =>
                {
                    PrototypeCheckpoint[] checkpoints = [.. parts.Select(PrototypeCheckpoint.Open)];
                    checkpoints[0].SaveHeader(stage.Path);
                    QuantizeStage.Join(stage, checkpoints);
                    ClassTimes.Merge(parts, stage.Path);
                };
            case EncodeStage.Name:
                return stage =>
                {
                    foreach (string part in parts)
                        Gather(part, stage.Path, Directory.EnumerateFiles(part, "latents-*-of-*.safetensors"), IsWholeTensors);
                    EncodeStage.Join(stage, PlanOf<EncodePlan>(parts), info: null, DamageReport.OfShares(parts));
                };
            case "synthesize" when StageFolder.Read(parts[0]).Settings.ContainsKey(SynthesizeSettings.Candidates.RecordKey):
                return stage =>
                {
                    foreach (string part in parts)
                        Gather(part, stage.Path, FilesUnder(part, "candidates", "*.safetensors"), IsWholeTensors);
                    CandidateSynthesis.Join(stage, PlanOf<CandidateList>(parts));
                };
            case "synthesize" or "select":
                return stage =>
                {
                    foreach (string part in parts)
                    {
                        Gather(part, stage.Path, FilesUnder(part, "classes", "*.json"), _ => true);
                        Gather(part, stage.Path, FilesUnder(part, DistilledSet.TrainFolder, "*.png"), ImageWriter.IsWholePng);
                    }

                    SetPlan plan = PlanOf<SetPlan>(parts);
                    plan.Join(stage);
                    if (plan.WeightsFrom == WeightSource.Images)
                        context.Progress.Message($"merge: the weights are by the prototypes as yet; those from the images need the model: 'ddoq synthesize' with the options of the shares, without --shard, and '-o {stage.Path}'");
                };
            case LabelStage.Name:
                return stage =>
                {
                    foreach (string part in parts)
                        Gather(part, stage.Path, FilesUnder(part, LabelStage.PartsFolder, "*.safetensors"), IsWholeTensors);
                    LabelStage.Join(stage, PlanOf<LabelPlan>(parts), context);
                };
            default:
                return null;
        }
    }

    private static IEnumerable<string> FilesUnder(string part, string folder, string pattern) =>
        Directory.Exists(Path.Combine(part, folder)) ? Directory.EnumerateFiles(Path.Combine(part, folder), pattern, SearchOption.AllDirectories) : [];

    private static bool IsWholeTensors(string path)
    {
        try
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            return true;
        }
        catch (DdoqException)
        {
            return false;
        }
    }

    private static TPlan PlanOf<TPlan>(IReadOnlyList<string> parts)
        where TPlan : class => parts.Select(part => new ShareFolder(part).ReadPlan<TPlan>()).FirstOrDefault(plan => plan is not null)
            ?? throw new DdoqException($"'{parts[0]}' has no folder '{ShareFolder.Name}': no share was begun there", "Run the stage again without --shard, or its shares.");

    private static void RefuseOther(string firstPart, StageRecord first, string part, StageRecord record)
    {
        if (record.Fingerprint == first.Fingerprint)
            return;
        if (record.Stage != first.Stage)
            throw new DdoqException($"'{part}' holds the stage '{record.Stage}', '{firstPart}' the stage '{first.Stage}'", "Give the shares of one stage.");
        string differences = string.Join("; ", first.Settings.Keys.Union(record.Settings.Keys)
            .Order(StringComparer.Ordinal)
            .Select(key => (Key: key, First: first.Settings.GetValueOrDefault(key, "(not set)"), Other: record.Settings.GetValueOrDefault(key, "(not set)")))
            .Where(d => d.First != d.Other)
            .Select(d => $"{d.Key} is {d.Other} instead of {d.First}"));
        throw new DdoqException($"'{part}' belongs to another run than '{firstPart}': {differences}", "Give the shares of one run: same inputs, same settings.");
    }
}
