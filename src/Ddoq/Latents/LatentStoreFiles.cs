using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>Finds the files of a latent store.</summary>
internal static class LatentStoreFiles
{
    private const string IndexHint = "The index is damaged or of another kind: run the encode stage again to write it anew.";

    /// <summary>The files in global order, with their rows where the index says.</summary>
    /// <param name="path">A folder, an index file or a single safetensors file.</param>
    public static IEnumerable<(string File, long? Rows)> Find(string path)
    {
        if (Directory.Exists(path))
        {
            string index = Path.Combine(path, LatentIndex.FileName), single = Path.Combine(path, LatentIndex.SingleFileName);
            if (File.Exists(index))
                return FromIndex(index);
            if (File.Exists(single))
                return [(single, null)];
            throw LatentIndex.ListShardFiles(path).Length > 0
                ? new DdoqException($"the latent store '{path}' has shards but no {LatentIndex.FileName}: encoding was not finished", "Run the encode stage again; it goes on where it stopped.")
                : new DdoqException($"no latent store in '{path}': neither {LatentIndex.FileName} nor {LatentIndex.SingleFileName}", "Run the encode stage first, or check the path.");
        }

        return path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? FromIndex(path) : [(path, null)];
    }

    private static List<(string File, long? Rows)> FromIndex(string path)
    {
        LatentIndex index = JsonFile.Read(path, LatentJson.Default.LatentIndex, IndexHint);
        IEnumerable<LatentIndexShard> shards = index.Shards
            ?? index.WeightMap?.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(file => new LatentIndexShard(file))
            ?? throw new DdoqException($"'{path}': neither shards nor weight_map", IndexHint);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var files = new List<(string, long?)>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (LatentIndexShard shard in shards)
        {
            // An index from elsewhere must not reach out of its folder.
            if (shard?.File is not { Length: > 0 } name || Path.IsPathRooted(name) || name.Split('/', '\\').Contains("..") || name.Contains('\0'))
                throw new DdoqException($"'{path}': shard {files.Count + 1} names {StorageErrors.Quote(shard?.File ?? "nothing")}, allowed is a file within the folder", IndexHint);
            if (!seen.Add(name))
                throw new DdoqException($"'{path}': shard {StorageErrors.Quote(name)} is named twice", IndexHint);
            string file = Path.Combine(folder, name);
            if (!File.Exists(file))
                throw new DdoqException($"the latent store's shard '{file}' is missing", "Copy it to its place, or run the encode stage again: it writes only what is missing.");
            files.Add((file, shard.Rows));
        }

        if (files.Count == 0)
            throw new DdoqException($"'{path}': the index names no shards", IndexHint);
        return files;
    }
}
