using System.Globalization;
using System.Text.Json.Nodes;
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
