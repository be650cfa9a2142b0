using System.Collections.Concurrent;
using Ddoq.Distilled;

namespace Ddoq.Imaging;

/// <summary>Parquet shards with a column of images and one of labels, as Hugging Face stores image datasets.</summary>
/// <remarks>
/// <c>data/train-00000-of-00016.parquet</c> and its like, the same files without the folder, or folders named for the split. Class names
/// are those in <c>classnames.txt</c>, <c>classes.txt</c> or <c>labels.txt</c> beside the shards or in the data folder, else of the feature
/// ClassLabel, else the labels' own texts, or numbers of equal width.
/// </remarks>
internal sealed class ParquetFormat : IDatasetFormat
{
    private static readonly string[] s_places = ["", "data", "default"];

    /// <inheritdoc/>
    public string Layout => "Parquet shards of Hugging Face: data/train-*.parquet and data/validation-*.parquet with the columns image and label";

    /// <inheritdoc/>
    public bool Recognises(string folder) => Find(folder).Count > 0;

    /// <inheritdoc/>
    public IImageDataset Open(string folder, DatasetSplit split, ImageDatasetOptions options)
    {
        (ShardSet set, ShardSet defining) = ShardSet.Choose(folder, Find(folder), split);
        ParquetShard[] shards = Read(folder, set, options.Cancellation);
        string where = Path.Combine(folder, set.Part);
        string[]? embedded = SharedNames(shards), beside = LabelledClasses.NamesBeside(where, folder);
        if (embedded is not null && beside is not null && embedded.Length != beside.Length)
        {
            throw new DdoqException(
                $"the list of class names beside the shards in {where} has {beside.Length} names, the shards have {embedded.Length} classes",
                "give one name for every label, in label order");
        }

        string[] all = beside ?? embedded ?? LabelledClasses.NamesOf(
            (defining == set ? shards : Read(folder, defining, options.Cancellation)).Select(shard => shard.Source), Path.Combine(folder, defining.Part));
        var classes = LabelledClasses.Choose(all, options, where);
        var rows = new List<(int, int)>();
        var labels = new List<int>();
        for (int i = 0; i < shards.Length; i++)
        {
            for (int row = 0; row < shards[i].Labels.Length; row++)
            {
                int label = classes.LabelOf(shards[i].Source, row);
                if (label < 0)
                    continue;
                rows.Add((i, row));
                labels.Add(label);
            }
        }

        if (shards.All(shard => shard.Labels.Length == 0))
            throw new DdoqException($"the shards in {where} have no rows, the first is {set.Files[0]}", "fetch the shards again");
        if (split != DatasetSplit.Test)
            classes.CheckAllThere(labels, where, set.Files[0]);
        return new EncodedImageDataset(
            folder, "parquet", new ParquetImages(folder, set.Part, shards, rows), [.. labels], classes.Names, options with { AllowMismatchedExtension = true });
    }

    private static Dictionary<string, ShardSet> Find(string folder) => ShardSet.Find(folder, s_places, ShardsIn);

    // A metadata.parquet describes the files of an ImageFolder.
    private static string[] ShardsIn(string folder) => !Directory.Exists(folder) ? [] :
        [.. Directory.EnumerateFiles(folder, "*.parquet").Select(path => Path.GetFileName(path)).Where(name => !name.StartsWith('.') && name != "metadata.parquet").Order(CodePointOrder.Instance)];

    private static ParquetShard[] Read(string folder, ShardSet set, CancellationToken cancellation)
    {
        var shards = new ParquetShard[set.Files.Length];
        WorkerLoop.Run(
            shards.Length,
            Environment.ProcessorCount,
            i => shards[i] = ParquetShard.Read(Path.Combine(folder, set.Part, set.Files[i]), cancellation),
            cancellation);
        return shards;
    }

    private static string[]? SharedNames(ParquetShard[] shards)
    {
        ParquetShard? other = shards.FirstOrDefault(shard => !(shard.ClassNames ?? []).SequenceEqual(shards[0].ClassNames ?? []));
        return other is null ? shards[0].ClassNames : throw new DdoqException(
            $"{other.Path} has other class names than {shards[0].Path}", "the shards belong to different datasets: fetch them again");
    }
}

/// <summary>Images that are cells of Parquet files, decoded a row group at a time.</summary>
internal sealed class ParquetImages : IEncodedImages
{
    // Hugging Face's row groups of images have 100 to 1000 rows, 10 to 100 MB.
    private const long CacheBytes = 256L << 20;

    private readonly RowGroupCache _cache = new(CacheBytes);
    private readonly ConcurrentDictionary<(ParquetShard Shard, int Group), Lazy<byte[]>> _samples = new();
    private readonly string _location;
    private readonly string _part;
    private readonly ParquetShard[] _shards;
    private readonly int[] _shardOf;
    private readonly int[] _rowOf;

    /// <summary>Creates the index of some rows.</summary>
    /// <param name="location">The data folder as it was given.</param>
    /// <param name="part">The shards' folder below it, or the empty string.</param>
    /// <param name="shards">The shards.</param>
    /// <param name="rows">Shard and row of each image.</param>
    public ParquetImages(string location, string part, ParquetShard[] shards, IReadOnlyCollection<(int Shard, int Row)> rows)
    {
        (_location, _part, _shards) = (location, part, shards);
        _shardOf = [.. rows.Select(row => row.Shard)];
        _rowOf = [.. rows.Select(row => row.Row)];
    }

    /// <inheritdoc/>
    public int Count => _rowOf.Length;

    /// <summary>How many row groups were decoded so far.</summary>
    public long DecodedRowGroups => _cache.Decoded;

    /// <inheritdoc/>
    public string KeyOf(int index) => $"{Path.GetFileName(_shards[_shardOf[index]].Path)} row {_rowOf[index]}";

    /// <inheritdoc/>
    public string NameOf(int index) => _part.Length == 0 ? KeyOf(index) : $"{_part}/{KeyOf(index)}";

    /// <inheritdoc/>
    public string PlaceOf(int index) => Path.Combine(_location, NameOf(index));

    /// <inheritdoc/>
    /// <remarks>Of the row group's images as they are stored: a column does not tell the places of its cells.</remarks>
    public byte[] SampleOf(int index)
    {
        ParquetShard shard = _shards[_shardOf[index]];
        int group = shard.GroupOf(_rowOf[index]);
        return _samples.GetOrAdd((shard, group), static key => new Lazy<byte[]>(() => key.Shard.SampleOf(key.Group))).Value;
    }

    /// <inheritdoc/>
    public byte[] Read(int index)
    {
        ParquetShard shard = _shards[_shardOf[index]];
        int row = _rowOf[index], group = shard.GroupOf(row);
        return _cache.Get(shard, group)[row - shard.FirstRows[group]] is { Length: > 0 } image ? image : throw new DamagedImageException(
            PlaceOf(index), shard.HasPaths ? "the cell holds no image, at most the path of a file elsewhere, which is not read" : "the cell is empty");
    }

    /// <inheritdoc/>
    public ImageHeader ReadHeader(int index, ImageDatasetOptions options) => ImageHeader.Read(Read(index), PlaceOf(index), options);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Files are open only while a row group is decoded.
    }
}

/// <summary>Keeps the row groups that were decoded last, so that images read one after another share one decoding.</summary>
/// <remarks>Safe for concurrent use: who asks for a row group that another thread decodes waits for it.</remarks>
/// <param name="capacity">Bytes of images to keep; the two row groups used last stay in any case.</param>
internal sealed class RowGroupCache(long capacity)
{
    private const int Least = 2;

    private readonly Lock _gate = new();
    private readonly LinkedList<Entry> _entries = []; // last used first
    private long _bytes;
    private long _decoded;

    /// <summary>How many row groups were decoded so far.</summary>
    public long Decoded => Interlocked.Read(ref _decoded);

    /// <summary>The images of a row group.</summary>
    public byte[]?[] Get(ParquetShard shard, int group)
    {
        Lazy<byte[]?[]> images = Find(shard, group);
        try
        {
            return images.Value;
        }
        catch
        {
            // The next one who asks tries again.
            Remove(images);
            throw;
        }
    }

    private Lazy<byte[]?[]> Find(ParquetShard shard, int group)
    {
        lock (_gate)
        {
            for (LinkedListNode<Entry>? node = _entries.First; node is not null; node = node.Next)
            {
                if (node.Value.Shard != shard || node.Value.Group != group)
                    continue;
                _entries.Remove(node);
                _entries.AddFirst(node);
                return node.Value.Images;
            }

            var images = new Lazy<byte[]?[]>(() =>
            {
                Interlocked.Increment(ref _decoded);
                return shard.ReadImages(group);
            });
            _entries.AddFirst(new Entry(shard, group, shard.ImageBytes[group], images));
            _bytes += shard.ImageBytes[group];
            while (_entries.Count > Least && _bytes > capacity)
                Drop(_entries.Last!);
            return images;
        }
    }

    private void Remove(Lazy<byte[]?[]> images)
    {
        lock (_gate)
        {
            for (LinkedListNode<Entry>? node = _entries.First; node is not null; node = node.Next)
            {
                if (node.Value.Images == images)
                {
                    Drop(node);
                    return;
                }
            }
        }
    }

    private void Drop(LinkedListNode<Entry> node)
    {
        _bytes -= node.Value.Bytes;
        _entries.Remove(node);
    }

    private sealed record Entry(ParquetShard Shard, int Group, long Bytes, Lazy<byte[]?[]> Images);
}
