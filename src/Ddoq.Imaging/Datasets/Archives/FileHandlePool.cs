using Microsoft.Win32.SafeHandles;

namespace Ddoq.Imaging;

/// <summary>Keeps a bounded number of many files open for reading at any place, the most recently used ones.</summary>
/// <remarks>ImageNet-21K has more archives than a process may have files open. Safe for concurrent use.</remarks>
/// <param name="capacity">How many files stay open when nobody reads them.</param>
internal sealed class FileHandlePool(int capacity) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _idle = []; // longest idle first
    private bool _disposed;

    /// <summary>Fills <paramref name="target"/> from a place in a file; false when the file ends before.</summary>
    /// <exception cref="DdoqException">The file cannot be opened or read.</exception>
    public bool Read(string path, long offset, Span<byte> target)
    {
        Entry entry = Take(path);
        try
        {
            while (target.Length > 0)
            {
                int got = RandomAccess.Read(entry.Handle, target, offset);
                if (got == 0)
                    return false;
                offset += got;
                target = target[got..];
            }

            return true;
        }
        catch (IOException e)
        {
            throw new DdoqException($"{path} cannot be read: {e.Message}", "check the disk or the network it is on", e);
        }
        finally
        {
            Return(entry);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            Trim(0);
        }
    }

    private Entry Take(string path)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_entries.TryGetValue(path, out Entry? entry))
            {
                entry = new Entry(path, DataFile.Guard(path, 0, static (_, path) => File.OpenHandle(path, options: FileOptions.RandomAccess)));
                _entries.Add(path, entry);
            }

            if (entry.Readers++ == 0 && entry.Node.List is not null)
                _idle.Remove(entry.Node);
            return entry;
        }
    }

    private void Return(Entry entry)
    {
        lock (_gate)
        {
            if (--entry.Readers > 0)
                return;
            _idle.AddLast(entry.Node);
            Trim(_disposed ? 0 : capacity);
        }
    }

    private void Trim(int most)
    {
        while (_idle.Count > most)
        {
            Entry oldest = _idle.First!.Value;
            _idle.RemoveFirst();
            _entries.Remove(oldest.Path);
            oldest.Handle.Dispose();
        }
    }

    private sealed class Entry
    {
        public Entry(string path, SafeFileHandle handle)
        {
            (Path, Handle) = (path, handle);
            Node = new LinkedListNode<Entry>(this);
        }

        public string Path { get; }

        public SafeFileHandle Handle { get; }

        public LinkedListNode<Entry> Node { get; }

        public int Readers { get; set; }
    }
}
