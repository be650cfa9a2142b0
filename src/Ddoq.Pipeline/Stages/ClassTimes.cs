using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Ddoq.Pipeline;

/// <summary>Seconds that each class took, in <c>classes-timing.json</c>: informative, and apart from what equal runs share.</summary>
/// <remarks>
/// Saved every few seconds, since a flush per class would cost more than a small class. Shares of a run that work in one
/// folder keep a file each. Thread-safe only from the quantiser's callback, which is called one at a time.
/// </remarks>
internal sealed class ClassTimes
{
    private const string Pattern = "classes*-timing.json";
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(10);
    private readonly string _path;
    private readonly SortedDictionary<int, double> _seconds;
    private readonly Stopwatch _sinceSave = Stopwatch.StartNew();

    private ClassTimes(string path, SortedDictionary<int, double> seconds)
    {
        _path = path;
        _seconds = seconds;
    }

    /// <summary>Goes on with what an earlier run of the same share saved.</summary>
    public static ClassTimes Open(string folder, Share share)
    {
        string path = PathOf(folder, share);
        return new ClassTimes(path, Read(path));
    }

    /// <summary>Notes a class; true when it is time to save.</summary>
    public bool Add(int classIndex, double seconds)
    {
        _seconds[classIndex] = Math.Round(seconds, 4);
        return _sinceSave.Elapsed > s_interval;
    }

    /// <summary>Writes the file.</summary>
    public void Save()
    {
        _sinceSave.Restart();
        ResultFiles.Write(_path, _seconds);
    }

    /// <summary>Joins the times of all parts into one file, and removes the shares' own from that folder.</summary>
    public static void Merge(IEnumerable<string> parts, string output)
    {
        var all = new SortedDictionary<int, double>();
        string target = PathOf(output, Share.All);
        foreach (string file in parts.SelectMany(part => Directory.EnumerateFiles(part, Pattern).Order(StringComparer.Ordinal)))
        {
            foreach ((int classIndex, double seconds) in Read(file))
                all.TryAdd(classIndex, seconds);
        }

        if (all.Count > 0)
            ResultFiles.Write(target, all);
        foreach (string file in Directory.EnumerateFiles(output, Pattern).Where(file => Path.GetFileName(file) != Path.GetFileName(target)))
            File.Delete(file);
    }

    private static string PathOf(string folder, Share share) => Path.Combine(
        folder, share.IsPartial ? string.Create(CultureInfo.InvariantCulture, $"classes-{share.Number}-of-{share.Count}-timing.json") : "classes-timing.json");

    private static SortedDictionary<int, double> Read(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<SortedDictionary<int, double>>(File.ReadAllText(path), ResultFiles.Options) ?? [] : [];
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            // Times inform; a damaged file of them must not stop the work.
            return [];
        }
    }
}
