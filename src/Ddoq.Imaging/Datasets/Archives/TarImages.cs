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
    public long LengthOf(int index) => _lengths[index];

    /// <inheritdoc/>
    public byte[] Read(int index)
    {
        byte[] content = GC.AllocateUninitializedArray<byte>(_lengths[index]);
        string archive = Path.Combine(_location, _part, _archives[_archiveOf[index]]);
        return _files.Read(archive, _offsets[index], content)
            ? content
            : throw new DdoqException($"{archive} became shorter while it was read", "do not change the archives during a run");
    }

    /// <inheritdoc/>
    public ImageHeader ReadHeader(int index, ImageDatasetOptions options) => ImageHeader.Read(Read(index), PlaceOf(index), options);

    /// <inheritdoc/>
    public void Dispose() => _files.Dispose();
}
