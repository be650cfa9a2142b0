using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ddoq.Pipeline;

/// <summary>What has become of a share.</summary>
public enum ShareState
{
    /// <summary>Its process is at work, or was killed: see when it last gave a sign.</summary>
    Running,

    /// <summary>All its units are there.</summary>
    Done,

    /// <summary>A signal ended it; started again, it goes on.</summary>
    Stopped,

    /// <summary>It failed.</summary>
    Failed,
}

/// <summary>What a process tells of its share, in a file of its own.</summary>
/// <param name="Number">Which share, from 1.</param>
/// <param name="Count">Number of shares.</param>
/// <param name="Unit">Plural name of what <paramref name="Total"/> counts.</param>
/// <param name="Total">Work of the share; 0 while it is not known.</param>
/// <param name="Completed">Of which done.</param>
/// <param name="Fresh">Of which by this process, in <paramref name="Seconds"/>.</param>
/// <param name="Seconds">Time that this process has spent.</param>
/// <param name="Host">Where.</param>
/// <param name="Process">Its number there.</param>
/// <param name="Seen">Last sign, in seconds since 1970.</param>
/// <param name="Message">Why it failed.</param>
/// <param name="Details">What the stage adds; see the stage.</param>
public sealed record ShareRecord(
    int Number, int Count, string Unit, long Total, long Completed, long Fresh, double Seconds, string Host, int Process, long Seen, string? Message = null, JsonObject? Details = null);

/// <summary>The folder <c>shares</c> of a stage: what joining needs (<c>plan.json</c>), and the state of every share.</summary>
/// <remarks>
/// <c>shares/00003-of-00064.done.json</c> holds a <see cref="ShareRecord"/>; its name says the state, so that one listing tells
/// all of them. The file of a state is written whole and renamed, before that of the state before goes. <c>done</c> comes
/// last, when all units of the share are there. The units themselves, not these files, decide what is missing.
/// </remarks>
public sealed partial class ShareFolder
{
    /// <summary>Name of the folder.</summary>
    public const string Name = "shares";

    private const string PlanFile = "plan.json";
    private readonly string _folder;

    /// <summary>The shares of a stage's folder, whether there are any or not.</summary>
    /// <param name="stageFolder">The stage's folder.</param>
    public ShareFolder(string stageFolder) => _folder = Path.Combine(stageFolder, Name);

    /// <summary>Whether shares have been begun here.</summary>
    public bool Exists => Directory.Exists(_folder);

    /// <summary>The state of every share that has one.</summary>
    public IReadOnlyDictionary<int, ShareState> States(int count)
    {
        var states = new Dictionary<int, ShareState>();
        foreach ((string _, int number, int of, ShareState state) in Files())
        {
            // Two states are there for the moment between writing one and removing the other.
            if (of == count && (!states.TryGetValue(number, out ShareState known) || known != ShareState.Done))
                states[number] = state;
        }

        return states;
    }

    /// <summary>Reads all records; one that cannot be read is left out.</summary>
    public IReadOnlyList<(ShareState State, ShareRecord Record)> Read()
    {
        var records = new Dictionary<(int, int), (ShareState State, ShareRecord Record)>();
        foreach ((string path, int number, int count, ShareState state) in Files())
        {
            try
            {
                ShareRecord record = ResultFiles.Read<ShareRecord>(path);
                if (!records.TryGetValue((number, count), out var known) || known.Record.Seen < record.Seen || state == ShareState.Done)
                    records[(number, count)] = (state, record);
            }
            catch (DdoqException)
            {
                // It went while the folder was read, or a disk damaged it: it informs only.
            }
        }

        return [.. records.OrderBy(pair => pair.Key).Select(pair => pair.Value)];
    }

    /// <summary>Removes the folder, when what it describes is joined.</summary>
    internal void Remove() => Remove(_folder);

    /// <summary>Removes a folder of things that only shares need; what stays of it does no harm.</summary>
    internal static void Remove(string folder)
    {
        const int Attempts = 5;
        for (int attempt = 0; attempt < Attempts && Directory.Exists(folder); attempt++)
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another process joins at the same time, or writes into it: that one removes it at its end.
                Thread.Sleep(20);
            }
        }
    }

    internal void SavePlan<T>(T plan)
    {
        string path = Path.Combine(_folder, PlanFile);
        if (File.Exists(path))
            return;
        CreateFolder();
        ResultFiles.Write(path, plan);
    }

    internal T? ReadPlan<T>()
        where T : class
    {
        string path = Path.Combine(_folder, PlanFile);
        return File.Exists(path) ? ResultFiles.Read<T>(path) : null;
    }

    internal void Write(ShareState state, ShareRecord record)
    {
        CreateFolder();
        ResultFiles.Write(PathOf(record.Number, record.Count, state), record);
        foreach (ShareState other in Enum.GetValues<ShareState>().Where(other => other != state))
            File.Delete(PathOf(record.Number, record.Count, other));
    }

    private void CreateFolder()
    {
        try
        {
            Directory.CreateDirectory(_folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DdoqException($"cannot create '{_folder}': {e.Message}", "Choose an output folder that can be written.", e);
        }
    }

    private string PathOf(int number, int count, ShareState state) =>
        Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{number:D5}-of-{count:D5}.{WordOf(state)}.json"));

    private List<(string Path, int Number, int Count, ShareState State)> Files()
    {
        var files = new List<(string, int, int, ShareState)>();
        if (!Exists)
            return files;
        foreach (string path in Directory.EnumerateFiles(_folder).Order(StringComparer.Ordinal))
        {
            Match match = FileName().Match(Path.GetFileName(path));
            if (match.Success && Enum.TryParse(match.Groups[3].Value, ignoreCase: true, out ShareState state))
                files.Add((path, Number(match.Groups[1].Value), Number(match.Groups[2].Value), state));
        }

        return files;
        static int Number(string digits) => int.Parse(digits, CultureInfo.InvariantCulture);
    }

    private static string WordOf(ShareState state) => state.ToString().ToLowerInvariant();

    [GeneratedRegex(@"^(\d{5,9})-of-(\d{5,9})\.([a-z]+)\.json\z", RegexOptions.CultureInvariant)]
    private static partial Regex FileName();
}
