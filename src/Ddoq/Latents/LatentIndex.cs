using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Ddoq.Storage;

namespace Ddoq.Latents;

/// <summary>The content of <c>latents.safetensors.index.json</c>.</summary>
/// <remarks>
/// <para>The name and the keys <c>metadata.total_size</c> and <c>weight_map</c> are those of Hugging Face's sharded
/// checkpoints. There a tensor lives in one file; here every shard holds a slice of the rows of the same two tensors,
/// <c>latents</c> and <c>labels</c>. So <c>weight_map</c> names the slices by number (<c>latents.00001</c>,
/// <c>labels.00001</c>), which lets general tools find the files, and <c>shards</c> is what counts: the files in order
/// with their rows. The global order of the rows is the order of <c>shards</c>.</para>
/// <para>The rest of <c>metadata</c> repeats for people and scripts what the header of every shard says.</para>
/// </remarks>
/// <param name="Metadata">Free; never read back.</param>
/// <param name="WeightMap">Slice name to file; read only when <paramref name="Shards"/> is missing.</param>
/// <param name="Shards">The files in order.</param>
internal sealed record LatentIndex(
    JsonObject? Metadata = null,
    SortedDictionary<string, string>? WeightMap = null,
    IReadOnlyList<LatentIndexShard>? Shards = null)
{
    public const string FileName = "latents.safetensors.index.json";
    public const string SingleFileName = "latents.safetensors";

    /// <summary>Names of the shard files in a folder, whatever store they belong to, in ordinal order.</summary>
    /// <exception cref="DdoqException">The folder cannot be listed.</exception>
    public static string[] ListShardFiles(string folder)
    {
        try
        {
            return [.. Directory.EnumerateFiles(folder, "latents-*-of-*.safetensors").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (StorageErrors.IsFileFailure(e))
        {
            throw StorageErrors.CannotList(folder, e);
        }
    }

    /// <summary>Name of a shard's file; <paramref name="number"/> counts from 1.</summary>
    public static string ShardFileName(int number, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"latents-{number:D5}-of-{count:D5}.safetensors");
}

/// <summary>One shard in the index.</summary>
/// <param name="File">File name relative to the index.</param>
/// <param name="Rows">Number of rows; null when the index does not say.</param>
internal sealed record LatentIndexShard(string File, long? Rows = null);

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

/// <summary>Serialisation contracts of latent stores, generated at build time, so that trimmed and AOT-compiled programs work.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(LatentIndex))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class LatentJson : JsonSerializerContext;
