namespace Ddoq.Bench.Encode;

/// <summary>The files that <c>generate.py</c> wrote, in the order that every layout keeps, and which of them are damaged.</summary>
internal sealed class MasterImages
{
    public MasterImages(string folder)
    {
        Folder = Path.GetFullPath(folder);
        string train = Path.Combine(Folder, "train");
        Classes = [.. Directory.GetDirectories(train).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        var files = new List<string>();
        var labels = new List<int>();
        for (int label = 0; label < Classes.Length; label++)
        {
            foreach (string file in Directory.GetFiles(Path.Combine(train, Classes[label])).Order(StringComparer.Ordinal))
            {
                files.Add(file);
                labels.Add(label);
            }
        }

        (Files, Labels) = ([.. files], [.. labels]);
        var damaged = File.ReadLines(Path.Combine(Folder, "damaged.txt")).Select(line => Path.Combine(train, line.Split('\t')[0])).ToHashSet(StringComparer.Ordinal);
        Damaged = [.. Enumerable.Range(0, Files.Length).Where(i => damaged.Contains(Files[i]))];
    }

    public string Folder { get; }

    public string[] Classes { get; }

    public string[] Files { get; }

    public int[] Labels { get; }

    /// <summary>Indices of the damaged files, ascending.</summary>
    public int[] Damaged { get; }
}
