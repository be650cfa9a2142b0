using Microsoft.Win32.SafeHandles;

namespace Ddoq.Imaging;

/// <summary>Images that are members of tar archives, read in place.</summary>
internal sealed class TarImages : IEncodedImages
{
    // Far below the 1024 files a process may usually have open.
    private const int OpenArchives = 64;

    private readonly FileHandlePool _files = new(OpenArchives);
    private readonly string _location;
    private readonly string _part;
    private readonly List<string> _archives = [];
    private readonly List<int> _archiveOf = [];
    private readonly List<long> _offsets = [];
    private readonly List<int> _lengths = [];
    private readonly FileNameTable _names = new();

    /// <summary>Starts an index without images.</summary>
    /// <param name="location">The data folder as it was given.</param>
    /// <param name="part">The archives' folder below it, or the empty string.</param>
    public TarImages(string location, string part) => (_location, _part) = (location, part);

    /// <inheritdoc/>
    public int Count => _archiveOf.Count;

    /// <summary>Adds an archive; members are then added to it. Not safe for concurrent use.</summary>
    public void AddArchive(string fileName) => _archives.Add(fileName);

    /// <summary>Adds an image of the archive that was added last. Not safe for concurrent use.</summary>
    public void AddImage(TarMember member)
    {
        _archiveOf.Add(_archives.Count - 1);
        _offsets.Add(member.Offset);
        _lengths.Add(member.Length);
        _names.Add(member.Name);
    }

    /// <inheritdoc/>
    public string KeyOf(int index) => $"{_archives[_archiveOf[index]]}:{_names[index]}";

    /// <inheritdoc/>
    public string NameOf(int index) => _part.Length == 0 ? KeyOf(index) : $"{_part}/{KeyOf(index)}";

    /// <inheritdoc/>
    public string PlaceOf(int index) => Path.Combine(_location, NameOf(index));

    /// <inheritdoc/>
    public byte[] SampleOf(int index)
    {
        string archive = ArchiveOf(index);
        return ContentSample.Of(_lengths[index], (offset, target) => ReadAt(archive, _offsets[index] + offset, target));
    }

    /// <inheritdoc/>
    public byte[] Read(int index)
    {
        byte[] content = GC.AllocateUninitializedArray<byte>(_lengths[index]);
        ReadAt(ArchiveOf(index), _offsets[index], content);
        return content;
    }

    /// <inheritdoc/>
    public ImageHeader ReadHeader(int index, ImageDatasetOptions options) => ImageHeader.Read(Read(index), PlaceOf(index), options);

    /// <inheritdoc/>
    public void Dispose() => _files.Dispose();

    private string ArchiveOf(int index) => Path.Combine(_location, _part, _archives[_archiveOf[index]]);

    private void ReadAt(string archive, long offset, Span<byte> target)
    {
        if (!_files.Read(archive, offset, target))
            throw new DdoqException($"{archive} became shorter while it was read", "do not change the archives during a run");
    }
}

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
                entry = new Entry(path, DataFile.OpenHandle(path, FileOptions.RandomAccess));
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
