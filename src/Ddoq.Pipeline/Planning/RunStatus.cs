using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ddoq.Storage;

namespace Ddoq.Pipeline.Planning;

/// <summary>How far the stages of a run are, by the folders alone: any process may ask at any time.</summary>
public static class RunStatus
{
    // Shares give a sign every 15 seconds.
    private const int SilentSeconds = 75;
    private const int Depth = 3;

    /// <summary>Looks at all stages below a folder.</summary>
    /// <param name="run">Folder of a run, or of one stage.</param>
    /// <exception cref="DdoqException">There is no such folder, or nothing that a stage made.</exception>
    public static JsonObject Of(string run)
    {
        if (!Directory.Exists(run))
            throw new DdoqException($"'{run}' does not exist", "Give the folder of a run, as 'ddoq plan' was given with --output.");
        JsonObject[] planned = ReadPlan(run);
        var rows = new List<JsonObject>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (JsonObject stage in planned)
        {
            string folder = (string)stage["output"]!, here = Directory.Exists(folder) ? folder : Path.Combine(run, Path.GetRelativePath(Path.GetDirectoryName((string)planned[0]["output"]!)!, folder));
            seen.Add(Path.GetFullPath(here));
            rows.Add(Describe(here, run, (string)stage["stage"]!, (int)stage["shares"]!));
        }

        rows.AddRange(StagesBelow(run, Depth).Where(folder => seen.Add(Path.GetFullPath(folder))).Select(folder => Describe(folder, run, null, 0)));
        return rows.Count == 0
            ? throw new DdoqException($"'{run}' holds no stage and no plan", "Give the folder of a run, as 'ddoq plan' was given with --output.")
            : new JsonObject { ["run"] = run, ["stages"] = new JsonArray([.. rows]) };
    }

    private static JsonObject Describe(string folder, string run, string? planned, int plannedShares)
    {
        bool hasRecord = File.Exists(Path.Combine(folder, StageFolder.RecordFileName));
        StageRecord? record = hasRecord ? StageFolder.Read(folder) : null;
        var shares = new ShareFolder(folder);
        IReadOnlyList<(ShareState State, ShareRecord Record)> records = shares.Read();
        int count = records.Count == 0 ? plannedShares : records.Max(share => share.Record.Count);
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var states = records.Where(share => share.Record.Count == count).ToLookup(share => share.State == ShareState.Running && now - share.Record.Seen > SilentSeconds ? "silent" : WordOf(share.State), share => share.Record);
        int[] open = [.. Enumerable.Range(1, count).Except(states["done"].Select(share => share.Number))];
        long known = records.Sum(share => share.Record.Total), completed = records.Sum(share => share.Record.Completed);
        long total = records.Count is 0 ? 0 : known + ((count - records.Count) * (known / records.Count));
        double rate = states["running"].Sum(share => share.Seconds > 0 ? share.Fresh / share.Seconds : 0);
        bool isComplete = record?.Completed ?? (planned == "train" && records.Count == 0 && Students(folder) > 0);
        var row = new JsonObject
        {
            ["stage"] = record?.Stage ?? planned ?? "train",
            ["folder"] = Path.GetRelativePath(run, folder),
            ["state"] = isComplete ? "complete" : records.Count > 0 ? states["failed"].Any() ? "failed" : states["running"].Any() ? "running" : open.Length == 0 ? "to merge" : "stopped" : hasRecord ? "begun" : "not begun",
            ["shares"] = count,
            ["done"] = isComplete ? count : states["done"].Count(),
            ["running"] = states["running"].Count(),
            ["failed"] = states["failed"].Count(),
            ["silent"] = states["silent"].Count(),
            ["stopped"] = states["stopped"].Count(),
            ["missing"] = isComplete ? 0 : Math.Max(0, count - records.Count),
            ["units"] = total == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{completed} of {(records.Count < count ? "about " : string.Empty)}{total} {records[0].Record.Unit}"),
            ["per_second"] = rate > 0 ? Math.Round(rate, 2) : null,
            ["seconds_left"] = rate > 0 ? Math.Round((total - completed) / rate) : null,
            ["again"] = isComplete || records.Count == 0 || states["running"].Count() + states["done"].Count() == count ? null : MissingUnits.Runs([.. open.Except(states["running"].Select(share => share.Number))]),
            ["message"] = states["failed"].Select(share => string.Create(CultureInfo.InvariantCulture, $"share {share.Number}: {share.Message}")).FirstOrDefault(),
        };
        return row;
    }

    private static int Students(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateDirectories(folder, "seed-*").Count(student => File.Exists(Path.Combine(student, StageFolder.RecordFileName)) && StageFolder.Read(student).Completed) : 0;

    private static JsonObject[] ReadPlan(string run)
    {
        string path = Path.Combine(run, "jobs", "plan.json");
        if (!File.Exists(path))
            return [];
        try
        {
            return [.. JsonNode.Parse(File.ReadAllText(path))!["stages"]!.AsArray().Select(stage => stage!.AsObject())];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException or IOException)
        {
            throw new DdoqException($"'{path}' cannot be read: {e.Message}", "Plan again, or remove the file.", e);
        }
    }

    private static IEnumerable<string> StagesBelow(string folder, int depth)
    {
        if (File.Exists(Path.Combine(folder, StageFolder.RecordFileName)) || new ShareFolder(folder).Exists)
            yield return folder;
        if (depth == 0)
            yield break;
        foreach (string inner in Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
        {
            // The images of a set, the files of classes and their like are many and hold no stage.
            if (Path.GetFileName(inner) is "train" or "classes" or "candidates" or "parts" or ShareFolder.Name or "checkpoint" or "jobs")
                continue;
            foreach (string stage in StagesBelow(inner, depth - 1))
                yield return stage;
        }
    }

    private static string WordOf(ShareState state) => state.ToString().ToLowerInvariant();
}
