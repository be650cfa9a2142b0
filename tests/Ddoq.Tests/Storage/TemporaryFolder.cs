namespace Ddoq.Tests.Storage;

/// <summary>A folder of one test, removed with its content at the end.</summary>
public sealed class TemporaryFolder : IDisposable
{
    // Tests write thousands of small files: memory where the system offers it as a folder, else the usual place.
    private static readonly string s_parent = Directory.Exists("/dev/shm") ? "/dev/shm" : System.IO.Path.GetTempPath();
    private static int s_number;

    public TemporaryFolder()
    {
        Path = System.IO.Path.Combine(s_parent, $"ddoq-test-{Environment.ProcessId}-{Interlocked.Increment(ref s_number)}");
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    public string this[params ReadOnlySpan<string> parts]
    {
        get
        {
            string path = Path;
            foreach (string part in parts)
                path = System.IO.Path.Combine(path, part);
            return path;
        }
    }

    /// <summary>Names and contents of all files, for comparing runs byte by byte.</summary>
    public static SortedDictionary<string, byte[]> Snapshot(string folder, params string[] except)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            if (!except.Contains(System.IO.Path.GetFileName(file)))
                files.Add(System.IO.Path.GetRelativePath(folder, file), File.ReadAllBytes(file));
        }

        return files;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
