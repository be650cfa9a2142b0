using System.Security.Cryptography;

namespace Ddoq.Cli.Tests;

/// <summary>The content of an output folder: everything that equal runs must share.</summary>
internal static class Snapshot
{
    /// <summary>The results of runs whose commands differ: without the settings that are saved beside them.</summary>
    public static SortedDictionary<string, string> OfResults(string folder)
    {
        SortedDictionary<string, string> files = Of(folder);
        files.Remove("config.toml");
        return files;
    }

    /// <summary>Relative path to SHA-256, without the files that hold times.</summary>
    public static SortedDictionary<string, string> Of(string folder)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (string path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(folder, path);
            if (!HoldsTimes(name))
                files.Add(name, Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path))));
        }

        return files;
    }

    /// <summary>Last write times of the finished files of one kind.</summary>
    public static Dictionary<string, DateTime> Times(string folder, string pattern) => Directory.Exists(folder)
        ? Directory.EnumerateFiles(folder, pattern, SearchOption.AllDirectories).ToDictionary(path => path, File.GetLastWriteTimeUtc)
        : [];

    // The report shows times; a checkpoint of a student is only there to be resumed.
    private static bool HoldsTimes(string name) =>
        name.EndsWith("-timing.json", StringComparison.Ordinal) || name.EndsWith("report.html", StringComparison.Ordinal)
        || name.Contains("checkpoint", StringComparison.Ordinal);
}
