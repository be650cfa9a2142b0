using System.Globalization;
using Ddoq.Storage;

namespace Ddoq.Latents;

// The shards that are on disk: which are there, whole and of this store.
public sealed partial class LatentStoreWriter
{
    /// <summary>The rows that each shard in a folder skipped; null for one that is not there or not whole.</summary>
    /// <param name="folder">The store's folder.</param>
    /// <param name="info">What the store holds.</param>
    /// <param name="totalRows">Rows of the whole store.</param>
    /// <param name="rowsPerShard">Rows per shard.</param>
    /// <param name="firstShard">The first shard to look for, 0-based.</param>
    /// <param name="endShard">The shard behind the last.</param>
    /// <inheritdoc cref="Open" path="/exception"/>
    public static IReadOnlyList<int[]?> Survey(string folder, LatentStoreInfo info, long totalRows, int rowsPerShard, int firstShard, int endShard)
    {
        using LatentStoreWriter writer = Create(folder, info, totalRows, rowsPerShard, hasSampleWeights: false);
        return [.. Enumerable.Range(firstShard, endShard - firstShard).Select(shard => writer.IsWhole(shard, out int[] skipped) ? skipped : null)];
    }

    /// <summary>What a store that is being written will hold, by the shards that are there.</summary>
    /// <param name="folder">The store's folder.</param>
    /// <exception cref="DdoqException">No shard is there, or the first is damaged.</exception>
    public static LatentStoreInfo InfoOf(string folder)
    {
        string name = LatentIndex.ListShardFiles(folder).Order(StringComparer.Ordinal).FirstOrDefault()
            ?? throw new DdoqException($"'{folder}' holds no shard of latents", "Run the shares of 'ddoq encode' first.");
        using LatentShard shard = LatentShard.Open(Path.Combine(folder, name));
        return LatentMetadata.Parse(shard.File.Path, shard.File.Metadata, shard.Shape, () => throw LatentMetadata.Bad(shard.File.Path, "class_names", "(not set)", "the list of classes"));
    }

    private int RowsOf(int shard) => (int)Math.Min(_rowsPerShard, TotalRows - ((long)shard * _rowsPerShard));

    private SortedDictionary<string, string> MetadataOf(int shard) => new(_metadata, StringComparer.Ordinal)
    {
        [LatentMetadata.FirstRowKey] = ((long)shard * _rowsPerShard).ToString(CultureInfo.InvariantCulture),
    };

    private (string, SafetensorsType, IReadOnlyList<long>)[] TensorsOf(long rows)
    {
        (string, SafetensorsType, IReadOnlyList<long>) latents =
            ("latents", SafetensorsType.F16, [rows, _info.Shape.Channels, _info.Shape.Height, _info.Shape.Width]);
        (string, SafetensorsType, IReadOnlyList<long>) labels = ("labels", SafetensorsType.I32, [rows]);

        // Latents come first, at the 64-byte boundary, but an odd number of halves would leave the labels unaligned.
        bool isEven = rows * _info.Shape.Length % 2 == 0;
        if (!HasSampleWeights)
            return isEven ? [latents, labels] : [labels, latents];
        (string, SafetensorsType, IReadOnlyList<long>) weights = (WeightsTensor, SafetensorsType.F32, [rows]);
        return isEven ? [latents, labels, weights] : [labels, weights, latents];
    }

    private string ShardPath(int shard) => Path.Combine(_folder, ShardFileName(shard, ShardCount));

    private void RefuseOtherShards()
    {
        string ending = string.Create(CultureInfo.InvariantCulture, $"-of-{ShardCount:D5}.safetensors");
        string? other = LatentIndex.ListShardFiles(_folder).FirstOrDefault(name => !name.EndsWith(ending, StringComparison.Ordinal));
        if (other is not null)
        {
            throw new DdoqException(
                $"the output folder '{_folder}' holds '{other}', a shard of another store; this one has {ShardCount} shards of {_rowsPerShard} rows",
                "Choose another output folder, or start anew with --force.");
        }
    }

    /// <summary>True when a shard is on disk, whole and of this store; one that cannot be read is written again.</summary>
    private bool IsWhole(int shard, out int[] skipped)
    {
        skipped = [];
        string path = ShardPath(shard);
        if (!File.Exists(path))
            return false;
        SafetensorsFile file;
        try
        {
            file = SafetensorsFile.Open(path);
        }
        catch (DdoqException)
        {
            return false;
        }

        using (file)
        {
            foreach ((string key, string expected) in MetadataOf(shard))
            {
                string found = file.Metadata.GetValueOrDefault(key, "(not set)");
                if (found != expected)
                    throw OtherStore(path, $"{key} is {StorageErrors.Quote(found)}, this run has {StorageErrors.Quote(expected)}");
            }

            if (!HasSampleWeights && file.TryGetTensor(WeightsTensor, out _))
                throw OtherStore(path, $"it has a tensor {WeightsTensor}, this run has none");
            skipped = ParseSkipped(path, file.Metadata.GetValueOrDefault(LatentMetadata.SkippedRowsKey), shard);
            foreach ((string name, SafetensorsType type, IReadOnlyList<long> shape) in TensorsOf(RowsOf(shard) - skipped.Length))
            {
                SafetensorsTensor found = file.GetTensor(name);
                if (found.Type != type || !found.Shape.SequenceEqual(shape))
                    throw OtherStore(path, $"tensor {name} is {found}, this run has {type} {SafetensorsTensor.ShapeText(shape)}");
            }
        }

        return true;
    }

    private int[] ParseSkipped(string path, string? text, int shard)
    {
        if (text is null)
            return [];
        int last = (shard * _rowsPerShard) - 1, end = last + 1 + RowsOf(shard);
        var rows = new List<int>();
        foreach (string part in text.Split(','))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int row) || row <= last || row >= end)
                throw LatentMetadata.Bad(path, LatentMetadata.SkippedRowsKey, text, $"ascending rows of the shard, from {shard * _rowsPerShard} to {end - 1}");
            rows.Add(last = row);
        }

        return [.. rows];
    }

    private static DdoqException OtherStore(string path, string difference) => new(
        $"'{path}' belongs to another store: {difference}", "Choose another output folder, or start anew with --force.");
}
