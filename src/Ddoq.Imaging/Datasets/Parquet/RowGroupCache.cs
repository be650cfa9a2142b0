namespace Ddoq.Imaging;

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
