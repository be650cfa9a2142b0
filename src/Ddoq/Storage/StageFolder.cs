using System.Diagnostics;
using System.Text;

namespace Ddoq.Storage;

/// <summary>A folder that holds the result of one stage: it knows what made it, whether it is complete, and resumes.</summary>
/// <remarks>
/// <para><c>stage.json</c> records the stage, its effective settings with the hashes of its inputs, and whether it is
/// complete; equal runs write equal bytes. Times go to <c>stage-timing.json</c>, summed over resumed runs.</para>
/// <para>Opening again with equal settings resumes (or finds the stage complete); with other settings it refuses and
/// says which differ, unless the earlier run left nothing: then it starts anew. The stage's own files decide how far it
/// got: write each atomically and skip what is there.</para>
/// <para>A folder that holds files but no <c>stage.json</c> was not made by a stage and is refused, forced or not, and so is
/// clearing one that holds a file under a name that no stage gives: nothing of the user's is ever deleted. Subfolders that are stages of their own are not touched. Several processes may
/// work in one folder with equal settings (shares of a run), but only one may force. Opened for one of several shares, the
/// folder is not searched for leftovers: with many files and many processes that would be most of the work.</para>
/// </remarks>
public sealed class StageFolder : IDisposable
{
    /// <summary>Name of the file that describes the stage.</summary>
    public const string RecordFileName = "stage.json";

    /// <summary>Name of the file that holds the time spent.</summary>
    public const string TimingFileName = "stage-timing.json";

    /// <summary>End of the names of files that describe what a stage is about to write, and hold no result themselves.</summary>
    internal const string HeaderSuffix = ".header.safetensors";

    /// <summary>End of the names of files that only the same run can go on with.</summary>
    internal const string UnfinishedSuffix = ".unfinished";

    /// <summary>Folder in which shares of a stage tell how far they are.</summary>
    internal const string SharesFolder = "shares";

    private const int FormatVersion = 1;
    private const string OtherOutputHint = "Choose another output folder, or start this stage anew with --force (which clears the folder).";
    private readonly long _started = Stopwatch.GetTimestamp();
    private double _earlierSeconds;
    private readonly int _runs;
    private StageRecord _record;
    private bool _isShare;

    private StageFolder(string folder, StageRecord record, IReadOnlyList<string> damage)
    {
        Path = folder;
        _record = record;
        Damage = damage;
        StageTiming? timing = TryReadTiming();
        _earlierSeconds = timing?.Seconds ?? 0;
        _runs = (timing?.Runs ?? 0) + (record.Completed ? 0 : 1);
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Name of the stage.</summary>
    public string Stage => _record.Stage;

    /// <summary>SHA-256 over the stage's name and settings: give it to the next stage as the identity of its input.</summary>
    public string Fingerprint => _record.Fingerprint;

    /// <summary>True when an earlier run (or <see cref="Complete"/>) finished the stage and its outputs are in place.</summary>
    public bool IsComplete => _record.Completed;

    /// <summary>Why a stage that was complete is not any more: outputs that are gone or changed their length.</summary>
    public IReadOnlyList<string> Damage { get; }

    /// <summary>Seconds spent in the stage: those of earlier runs, plus this run's unless the stage was complete already.</summary>
    public double Seconds { get; private set; }

    /// <summary>Opens a stage's folder, creating it when missing.</summary>
    /// <param name="folder">The folder; its parents are created too.</param>
    /// <param name="stage">Name of the stage, for example <c>encode</c>.</param>
    /// <param name="settings">
    /// Everything the result depends on, hashes of the inputs included; nothing that it does not depend on (threads, device
    /// when results agree, verbosity).
    /// </param>
    /// <param name="force">Clears what is there, whatever its settings.</param>
    /// <param name="isFixedPlace">True when the caller cannot choose another folder, so that no error advises to.</param>
    /// <param name="isShare">True when other processes work on other shares of the stage here.</param>
    /// <exception cref="DdoqException">
    /// The folder holds another stage or other settings (each difference is listed), files of another origin, a damaged
    /// <c>stage.json</c>, or cannot be written.
    /// </exception>
    public static StageFolder Open(string folder, string stage, IReadOnlyDictionary<string, string> settings, bool force = false, bool isFixedPlace = false, bool isShare = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentException.ThrowIfNullOrEmpty(stage);
        ArgumentNullException.ThrowIfNull(settings);
        var sorted = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((string key, string value) in settings)
            sorted.Add(key, value);
        var fresh = new StageRecord(FormatVersion, stage, LibraryVersion(), ComputeFingerprint(stage, sorted), false, sorted, []);

        CreateFolder(folder);
        if (!isShare)
            AtomicFile.CleanPartials(folder, recursive: true);
        bool isStage = IsStage(folder);
        if (isStage && force)
        {
            if (FindUnknown(folder) is string own)
            {
                throw new DdoqException(
                    $"the output folder '{folder}' holds '{own}', which no stage wrote: --force would delete it", "Move it away, or choose another output folder.");
            }

            Clear(folder);
        }
        else if (!isStage && FindForeign(folder) is string foreign)
            isStage = IsStage(folder) ? true : throw Foreign(folder, foreign);

        if (isStage && !force && IsAbandoned(folder, fresh))
        {
            Clear(folder);
            isStage = false;
        }

        StageRecord record = fresh;
        string[] damage = [];
        if (isStage && !force)
        {
            record = Read(folder);
            RefuseOther(folder, record, fresh, isFixedPlace ? "Start this stage anew with --force (which clears the folder)." : OtherOutputHint);
            damage = record.Completed ? [.. FindDamage(folder, record)] : [];
            if (damage.Length > 0)
                record = record with { Completed = false, Outputs = [] };
        }

        var opened = new StageFolder(folder, record, damage);
        opened.Seconds = opened._earlierSeconds;
        opened._isShare = isShare;
        if (!isStage || force || damage.Length > 0)
            opened.WriteRecord();
        return opened;
    }

    /// <summary>Refuses a folder that holds files of another origin, as <see cref="Open"/> does; for stages that have work to do before they open theirs. Writes nothing.</summary>
    /// <exception cref="DdoqException">It does.</exception>
    public static void RequireUsable(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (Directory.Exists(folder) && !IsStage(folder) && FindForeign(folder) is { } foreign)
            throw Foreign(folder, foreign);
    }

    /// <summary>Reads the record of a folder without opening it as a stage, for example to inspect it.</summary>
    /// <exception cref="DdoqException">There is none, or it is damaged.</exception>
    public static StageRecord Read(string folder)
    {
        string path = System.IO.Path.Combine(folder, RecordFileName);
        const string Hint = "The file was edited or damaged: start the stage that made the folder anew with --force, or let it write elsewhere.";
        StageRecord record = JsonFile.Read(path, StorageJson.Default.StageRecord, Hint);
        if (record.Format != FormatVersion)
            throw new DdoqException($"'{path}': format {record.Format} is unknown, this version reads {FormatVersion}", "Use the version that made it, or another output folder.");
        if (record.Settings.FirstOrDefault(setting => setting.Value is null) is { Key: { } unset })
            throw new DdoqException($"'{path}': the setting {StorageErrors.Quote(unset)} is null, a text is expected", Hint);
        if (record.Fingerprint != ComputeFingerprint(record.Stage, record.Settings))
            throw new DdoqException($"'{path}': the fingerprint does not belong to the settings", Hint);
        return record with { Settings = new(record.Settings, StringComparer.Ordinal), Outputs = new(record.Outputs, StringComparer.Ordinal) };
    }

    /// <summary>Whether a folder holds the complete result of a stage with these settings; writes nothing.</summary>
    /// <remarks>For checks that are worth their time only when there is work to do, and must come before the first byte of it.</remarks>
    /// <exception cref="DdoqException">The folder's record is damaged.</exception>
    public static bool IsCompleteIn(string folder, string stage, IReadOnlyDictionary<string, string> settings)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!IsStage(folder))
            return false;
        StageRecord record = Read(folder);
        return record.Completed
            && record.Fingerprint == ComputeFingerprint(stage, new SortedDictionary<string, string>(settings.ToDictionary(), StringComparer.Ordinal))
            && !FindDamage(folder, record).Any();
    }

    /// <summary>Adds time that was spent on the stage before its folder was opened.</summary>
    public void AddTime(TimeSpan earlier) => _earlierSeconds += earlier.TotalSeconds;

    /// <summary>The path of a file or folder inside the stage.</summary>
    public string PathOf(params ReadOnlySpan<string> parts)
    {
        string path = Path;
        foreach (string part in parts)
            path = System.IO.Path.Combine(path, part);
        return path;
    }

    /// <summary>Marks the stage complete, atomically, and records its time.</summary>
    /// <param name="outputs">
    /// Paths of the stage's files relative to the folder; their lengths are kept, and the next <see cref="Open"/> checks
    /// them. Null records none.
    /// </param>
    /// <exception cref="DdoqException">An output does not exist, or the record cannot be written.</exception>
    public void Complete(IEnumerable<string>? outputs = null)
    {
        var lengths = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (string output in outputs ?? [])
        {
            var file = new FileInfo(System.IO.Path.Combine(Path, output));
            if (!file.Exists)
                throw new DdoqException($"stage {Stage} cannot be completed: its output '{file.FullName}' does not exist", "Run the stage again.");
            lengths[output.Replace(System.IO.Path.DirectorySeparatorChar, '/')] = file.Length;
        }

        _isShare = false;
        SaveTiming();
        _record = _record with { Completed = true, Outputs = lengths };
        WriteRecord();
    }

    /// <summary>Saves the time spent so far; call it with every checkpoint, so that a killed run's time is not lost. A share's time is kept apart.</summary>
    /// <exception cref="DdoqException">The file cannot be written.</exception>
    public void SaveTiming()
    {
        if (IsComplete || _isShare)
            return;
        Seconds = _earlierSeconds + Stopwatch.GetElapsedTime(_started).TotalSeconds;
        JsonFile.Write(PathOf(TimingFileName), new StageTiming(Stage, Math.Round(Seconds, 3), _runs), StorageJson.Default.StageTiming);
    }

    /// <summary>Saves the time spent when the stage is left before it is complete.</summary>
    public void Dispose()
    {
        try
        {
            SaveTiming();
        }
        catch (DdoqException)
        {
            // Only the time is lost, and the failure that led here (a full disk, say) is the one to report.
        }
    }

    private static string LibraryVersion() =>
        typeof(StageFolder).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    private static string ComputeFingerprint(string stage, SortedDictionary<string, string> settings)
    {
        // Lengths before the texts: no two settings give the same text.
        var text = new StringBuilder();
        Add(stage);
        foreach ((string key, string value) in settings.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            Add(key);
            Add(value);
        }

        return ContentHash.OfText(text.ToString());

        void Add(string part) => text.Append(part.Length).Append(':').Append(part).Append('\n');
    }

    private static void CreateFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw File.Exists(folder)
                ? new DdoqException($"cannot create the folder '{folder}': a file of that name is in the way", "Remove the file or choose another output folder.", e)
                : StorageErrors.CannotWrite(folder, e);
        }
    }

    private static bool IsStage(string folder) => File.Exists(System.IO.Path.Combine(folder, RecordFileName));

    /// <summary>The first name in a folder that no stage put there; another process may have begun the stage meanwhile.</summary>
    private static string? FindForeign(string folder)
    {
        try
        {
            return new DirectoryInfo(folder).EnumerateFileSystemInfos()
                .Where(entry => !IsNestedStage(entry) && entry.Name != TimingFileName && !PartialFile.IsPartialName(entry.Name))
                .Select(entry => entry.Name)
                .Order(StringComparer.Ordinal)
                .FirstOrDefault();
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotList(folder, e);
        }
    }

    /// <summary>The first file in a stage's folder that neither is one of its outputs nor has a name that stages give; null when there is none.</summary>
    private static string? FindUnknown(string folder)
    {
        HashSet<string> outputs = RecordedOutputs(folder);
        try
        {
            return Files(new DirectoryInfo(folder))
                .Select(file => System.IO.Path.GetRelativePath(folder, file.FullName).Replace(System.IO.Path.DirectorySeparatorChar, '/'))
                .Where(name => !outputs.Contains(name) && !StageFileNames.IsOfAStage(name) && !PartialFile.IsPartialName(System.IO.Path.GetFileName(name.AsSpan())))
                .Order(StringComparer.Ordinal)
                .FirstOrDefault();
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotList(folder, e);
        }

        static IEnumerable<FileSystemInfo> Files(DirectoryInfo folder) => folder.EnumerateFileSystemInfos().SelectMany(entry =>
            entry is not DirectoryInfo { LinkTarget: null } inner ? [entry] : IsNestedStage(inner) ? [] : Files(inner));
    }

    private static HashSet<string> RecordedOutputs(string folder)
    {
        try
        {
            return [.. Read(folder).Outputs.Keys];
        }
        catch (DdoqException)
        {
            // A damaged record is a reason to clear the folder, not an obstacle.
            return [];
        }
    }

    private static DdoqException Foreign(string folder, string name) => new(
        $"the output folder '{folder}' holds '{name}' but no {RecordFileName}: it was not made by a stage and is left alone",
        "Choose a new or empty output folder.");

    private static void RefuseOther(string folder, StageRecord old, StageRecord asked, string hint)
    {
        if (old.Stage != asked.Stage)
            throw new DdoqException($"the output folder '{folder}' holds the stage '{old.Stage}', not '{asked.Stage}'", hint);
        if (old.Fingerprint == asked.Fingerprint)
            return;
        string differences = string.Join("; ", old.Settings.Keys.Union(asked.Settings.Keys)
            .Order(StringComparer.Ordinal)
            .Select(key => (Key: key, Old: old.Settings.GetValueOrDefault(key), Asked: asked.Settings.GetValueOrDefault(key)))
            .Where(d => d.Old != d.Asked)
            .Select(d => IsHash(d.Old) && IsHash(d.Asked)
                ? $"{d.Key}: the content is another one ({d.Old![..12]}... -> {d.Asked![..12]}...)"
                : $"{d.Key}: {d.Old ?? "(not set)"} -> {d.Asked ?? "(not set)"}"));
        throw new DdoqException($"the output folder '{folder}' was made with other settings: {differences}", hint);
    }

    private static bool IsHash(string? value) => value is { Length: 64 } && value.All(char.IsAsciiHexDigitLower);

    /// <summary>Whether an earlier run with other settings stopped before it finished anything: its record, descriptions of what it was about to do, and rows that only it could go on with do not count.</summary>
    private static bool IsAbandoned(string folder, StageRecord asked)
    {
        StageRecord old = Read(folder);
        return !old.Completed && old.Fingerprint != asked.Fingerprint && !HasContent(new DirectoryInfo(folder));
    }

    private static bool HasContent(DirectoryInfo folder)
    {
        try
        {
            return folder.EnumerateFileSystemInfos().Any(entry => entry is DirectoryInfo inner
                ? !IsNestedStage(entry) && entry.Name != SharesFolder && HasContent(inner)
                : entry.Name is not (RecordFileName or TimingFileName)
                    && !entry.Name.EndsWith(HeaderSuffix, StringComparison.Ordinal) && !entry.Name.EndsWith(UnfinishedSuffix, StringComparison.Ordinal) && !PartialFile.IsPartialName(entry.Name));
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotList(folder.FullName, e);
        }
    }

    private static IEnumerable<string> FindDamage(string folder, StageRecord record)
    {
        foreach ((string output, long length) in record.Outputs)
        {
            var file = new FileInfo(System.IO.Path.Combine(folder, output));
            if (!file.Exists)
                yield return $"{output} is gone";
            else if (file.Length != length)
                yield return $"{output} has {file.Length} bytes instead of {length}";
        }
    }

    private static void Clear(string folder)
    {
        try
        {
            // The record goes last: a clearing that is cut short is still a stage that can be forced again.
            foreach (FileSystemInfo entry in new DirectoryInfo(folder).EnumerateFileSystemInfos().OrderBy(e => e.Name == RecordFileName))
            {
                if (IsNestedStage(entry))
                    continue;
                if (entry is DirectoryInfo { LinkTarget: null } directory)
                    directory.Delete(recursive: true);
                else
                    entry.Delete();
            }
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw new DdoqException($"cannot clear the folder '{folder}': {e.Message}", "Check its permissions, or choose another output folder.", e);
        }
    }

    private static bool IsNestedStage(FileSystemInfo entry) =>
        entry is DirectoryInfo && IsStage(entry.FullName);

    private StageTiming? TryReadTiming()
    {
        string path = PathOf(TimingFileName);
        try
        {
            StageTiming? timing = File.Exists(path) ? JsonFile.Read(path, StorageJson.Default.StageTiming, "") : null;
            return timing is { Seconds: >= 0 and < double.PositiveInfinity, Runs: >= 0 } ? timing : null;
        }
        catch (DdoqException)
        {
            // Times inform; a damaged file of them must not stop the work.
            return null;
        }
    }

    private void WriteRecord() => JsonFile.Write(PathOf(RecordFileName), _record, StorageJson.Default.StageRecord);
}
