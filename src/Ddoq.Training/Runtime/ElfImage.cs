using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Ddoq.Training.Runtime;

/// <summary>
/// The symbol versions of a 64-bit little-endian ELF shared library, read the way the dynamic linker reads them: through
/// the dynamic segment, not through section headers, which a stripped library need not have.
/// </summary>
/// <remarks>
/// Every offset, count and string is checked against the bytes at hand before it is used; a damaged file gives a
/// <see cref="DdoqException"/> naming the structure, never a read past the end or an endless chain.
/// Source: System V gABI, "Dynamic Linking", and the Linux Standard Base, "Symbol Versioning".
/// </remarks>
internal sealed class ElfImage
{
    private const int LoadSegment = 1;
    private const int DynamicSegment = 2;
    private const int NeedSize = 16;
    private const int NeedEntrySize = 16;
    private const int DefinitionSize = 20;
    private const int RelocationSize = 24;
    private const int SymbolSize = 24;

    private readonly byte[] _bytes;
    private readonly string _name;
    private readonly List<Segment> _segments = [];
    private readonly Dictionary<long, ulong> _dynamic = [];
    private readonly int _strings;
    private readonly int _stringsLength;

    /// <summary>Reads the dynamic segment.</summary>
    /// <param name="bytes">The whole file; kept by reference, not changed.</param>
    /// <param name="name">The file's name for messages.</param>
    /// <exception cref="DdoqException">The bytes are not a 64-bit little-endian ELF library, or are damaged.</exception>
    public ElfImage(byte[] bytes, string name)
    {
        _bytes = bytes;
        _name = name;
        if (bytes.Length < 64 || !bytes.AsSpan(0, 4).SequenceEqual("\u007fELF"u8))
            throw Damaged("the file does not start with an ELF header");
        if (bytes[4] != 2 || bytes[5] != 1)
            throw Damaged($"class {bytes[4]} with byte order {bytes[5]} is not 64-bit little-endian");

        ReadSegments();
        _stringsLength = (int)Math.Min(Dynamic(DynamicTag.StringTableSize), int.MaxValue);
        _strings = Offset(Dynamic(DynamicTag.StringTable), _stringsLength, "string table");
    }

    /// <summary>Versions this library asks of others (DT_VERNEED).</summary>
    public IReadOnlyList<SymbolVersionNeed> ReadVersionNeeds()
    {
        var needs = new List<SymbolVersionNeed>();
        if (!_dynamic.TryGetValue(DynamicTag.VersionNeeds, out ulong address))
            return needs;

        int count = Count(DynamicTag.VersionNeedCount, NeedSize);
        long position = Offset(address, NeedSize, "version needs");
        for (int i = 0; i < count; i++)
        {
            int record = Range(position, NeedSize, "version need");
            string library = ReadString(U32(record + 4));
            int entries = U16(record + 2);
            long entry = record + (long)U32(record + 8);
            for (int j = 0; j < entries; j++)
            {
                int at = Range(entry, NeedEntrySize, "version need entry");
                needs.Add(new SymbolVersionNeed(library, ReadString(U32(at + 8)), U16(at + 4), U16(at + 6), at + 4));
                uint nextEntry = U32(at + 12);
                if (nextEntry == 0)
                    break;
                entry += nextEntry;
            }

            uint next = U32(record + 12);
            if (next == 0)
                break;
            position += next;
        }

        return needs;
    }

    /// <summary>Versions this library defines for others (DT_VERDEF), without the library's own name.</summary>
    public IReadOnlySet<string> ReadVersionDefinitions()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        if (!_dynamic.TryGetValue(DynamicTag.VersionDefinitions, out ulong address))
            return names;

        int count = Count(DynamicTag.VersionDefinitionCount, DefinitionSize);
        long position = Offset(address, DefinitionSize, "version definitions");
        for (int i = 0; i < count; i++)
        {
            int record = Range(position, DefinitionSize, "version definition");
            bool isLibraryName = (U16(record + 2) & 1) != 0;
            if (!isLibraryName && U16(record + 6) > 0)
            {
                int entry = Range(record + (long)U32(record + 12), 8, "version definition entry");
                names.Add(ReadString(U32(entry)));
            }

            uint next = U32(record + 16);
            if (next == 0)
                break;
            position += next;
        }

        return names;
    }

    /// <summary>The versioned symbols that some relocation refers to: those the linker will look up, each once.</summary>
    public IReadOnlyList<RelocatedSymbol> ReadRelocatedSymbols()
    {
        var symbols = new List<RelocatedSymbol>();
        if (!_dynamic.TryGetValue(DynamicTag.SymbolVersions, out ulong versions))
            return symbols;

        var seen = new HashSet<uint>();
        (long Table, long Size)[] tables =
        [
            (DynamicTag.Relocations, DynamicTag.RelocationsSize),
            (DynamicTag.PltRelocations, DynamicTag.PltRelocationsSize),
        ];
        foreach ((long table, long size) in tables)
        {
            if (!_dynamic.TryGetValue(table, out ulong address))
                continue;
            int length = (int)Math.Min(Dynamic(size), int.MaxValue);
            int start = Offset(address, length, "relocations");
            for (int at = start; at + RelocationSize <= start + length; at += RelocationSize)
            {
                uint symbol = U32(at + 12);
                if (symbol == 0 || !seen.Add(symbol))
                    continue;
                int entry = Offset(Dynamic(DynamicTag.SymbolTable) + (symbol * (ulong)SymbolSize), SymbolSize, "symbol");
                int version = Offset(versions + (symbol * 2UL), 2, "symbol version");
                symbols.Add(new RelocatedSymbol(ReadString(U32(entry)), U16(version), version));
            }
        }

        return symbols;
    }

    private void ReadSegments()
    {
        ulong table = BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(32));
        int entrySize = U16(54), entries = U16(56);
        if (entrySize < 56 || table > (ulong)_bytes.Length)
            throw Damaged($"program headers of {entrySize} bytes at offset {table}");

        Segment? dynamic = null;
        for (int i = 0; i < entries; i++)
        {
            int at = Range((long)table + ((long)i * entrySize), 56, "program header");
            uint type = U32(at);
            var segment = new Segment(U64(at + 8), U64(at + 16), U64(at + 32));
            if (type == LoadSegment)
                _segments.Add(segment);
            else if (type == DynamicSegment)
                dynamic = segment;
        }

        if (dynamic is not { } found)
            throw Damaged("there is no dynamic segment");
        if (found.Offset > (ulong)_bytes.Length || found.Size > (ulong)_bytes.Length - found.Offset)
            throw Damaged($"the dynamic segment has {found.Size} bytes at offset {found.Offset}");
        for (int at = (int)found.Offset; at + 16 <= (int)(found.Offset + found.Size); at += 16)
        {
            long tag = (long)U64(at);
            if (tag == 0)
                break;
            _dynamic.TryAdd(tag, U64(at + 8));
        }
    }

    private int Count(long tag, int recordSize)
    {
        ulong count = Dynamic(tag);
        if (count > (ulong)(_bytes.Length / recordSize))
            throw Damaged($"{count} version records do not fit in it");
        return (int)count;
    }

    private ulong Dynamic(long tag) => _dynamic.TryGetValue(tag, out ulong value)
        ? value
        : throw Damaged(string.Create(CultureInfo.InvariantCulture, $"the dynamic entry 0x{tag:x} is missing"));

    /// <summary>The file offset of <paramref name="length"/> bytes at a virtual address.</summary>
    private int Offset(ulong address, int length, string what)
    {
        foreach (Segment segment in _segments)
        {
            ulong within = unchecked(address - segment.Address);
            if (address >= segment.Address && within <= segment.Size && (ulong)length <= segment.Size - within
                && segment.Offset <= (ulong)_bytes.Length)
            {
                return Range((long)(segment.Offset + within), length, what);
            }
        }

        throw Damaged(string.Create(
            CultureInfo.InvariantCulture, $"{length} bytes of {what} at address 0x{address:x} lie in no loaded segment"));
    }

    private int Range(long offset, int length, string what)
    {
        if (offset < 0 || offset > _bytes.Length - length)
            throw Damaged($"{length} bytes of {what} at offset {offset} reach past the end");
        return (int)offset;
    }

    private string ReadString(uint offset)
    {
        if (offset >= (uint)_stringsLength)
            throw Damaged($"a name at {offset} lies outside the string table of {_stringsLength} bytes");
        ReadOnlySpan<byte> rest = _bytes.AsSpan(_strings + (int)offset, _stringsLength - (int)offset);
        int end = rest.IndexOf((byte)0);
        if (end < 0)
            throw Damaged($"the name at {offset} of the string table has no end");
        return Encoding.UTF8.GetString(rest[..end]);
    }

    private ushort U16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(offset));

    private uint U32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_bytes.AsSpan(offset));

    private ulong U64(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_bytes.AsSpan(offset));

    private DdoqException Damaged(string found) =>
        new($"{_name} ({_bytes.Length} bytes) cannot be read as a shared library: {found}",
            "Restore the packages again; if the file came from elsewhere, replace it.");

    private readonly record struct Segment(ulong Offset, ulong Address, ulong Size);

    private static class DynamicTag
    {
        public const long PltRelocationsSize = 2;
        public const long StringTable = 5;
        public const long SymbolTable = 6;
        public const long Relocations = 7;
        public const long RelocationsSize = 8;
        public const long StringTableSize = 10;
        public const long PltRelocations = 23;
        public const long SymbolVersions = 0x6ffffff0;
        public const long VersionDefinitions = 0x6ffffffc;
        public const long VersionDefinitionCount = 0x6ffffffd;
        public const long VersionNeeds = 0x6ffffffe;
        public const long VersionNeedCount = 0x6fffffff;
    }
}

/// <summary>A symbol that some relocation refers to, with its version.</summary>
/// <param name="Name">The mangled name.</param>
/// <param name="VersionIndex">The version's index, with bit 15 for hidden symbols.</param>
/// <param name="VersionOffset">Where the 16 bits of <paramref name="VersionIndex"/> stand in the file.</param>
internal readonly record struct RelocatedSymbol(string Name, ushort VersionIndex, int VersionOffset);

/// <summary>One version that a library asks of another (an ELF <c>Vernaux</c> record).</summary>
/// <param name="Library">The other library, for example <c>libstdc++.so.6</c>.</param>
/// <param name="Version">The version, for example <c>GLIBCXX_3.4.32</c>.</param>
/// <param name="Flags">VER_FLG_WEAK (2): the linker warns instead of refusing when the version is missing.</param>
/// <param name="Index">The number by which symbols refer to this version.</param>
/// <param name="FlagsOffset">Where the 16 bits of <paramref name="Flags"/> stand in the file.</param>
internal readonly record struct SymbolVersionNeed(
    string Library, string Version, ushort Flags, ushort Index, int FlagsOffset);

/// <summary>
/// Lets a library load beside an older libstdc++ than the one it was linked with, by editing at most a few 16-bit words
/// of its symbol version tables.
/// </summary>
/// <remarks>
/// The dynamic linker refuses a library when a version it names is missing, even when no symbol of that version is ever
/// looked up. Two edits are sound. (1) A version none of whose symbols is relocated is marked weak: g++ 13 leaves such a
/// reference to <c>std::ios_base_library_init</c> (GLIBCXX_3.4.32) in every file that includes iostream. (2) A symbol
/// that older libraries define under an older version, with the same meaning, is bound to that version
/// (<see cref="OlderVersions"/>). Anything else is refused: the library would crash when it calls the symbol.
/// </remarks>
internal static class SymbolVersionRepair
{
    /// <summary>The flag VER_FLG_WEAK.</summary>
    public const ushort Weak = 2;

    private const ushort HiddenBit = 0x8000;

    /// <summary>
    /// Symbols that a new version merely republished. <c>condition_variable::wait</c> was declared noexcept and
    /// republished in GCC 12; the older symbol has the same arguments and waits on the same pthread object.
    /// </summary>
    private static readonly Dictionary<(string Symbol, string Version), string> OlderVersions = new()
    {
        [("_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE", "GLIBCXX_3.4.30")] = "GLIBCXX_3.4.11",
    };

    /// <summary>The edits that let a library load beside the versions at hand.</summary>
    /// <param name="image">The library that asks.</param>
    /// <param name="library">The library that is asked, for example <c>libstdc++.so.6</c>.</param>
    /// <param name="defined">The versions it defines here.</param>
    /// <returns>Edits in file order of their needs; empty when nothing is missing or all is mended already.</returns>
    /// <exception cref="DdoqException">A missing version carries a symbol that is used and has no older counterpart.</exception>
    public static IReadOnlyList<Edit> Plan(ElfImage image, string library, IReadOnlySet<string> defined)
    {
        IReadOnlyList<SymbolVersionNeed> needs = image.ReadVersionNeeds();
        var missing = needs.Where(need =>
            need.Library == library && (need.Flags & Weak) == 0 && !defined.Contains(need.Version)).ToList();
        var edits = new List<Edit>();
        if (missing.Count == 0)
            return edits;

        ILookup<ushort, RelocatedSymbol> used =
            image.ReadRelocatedSymbols().ToLookup(symbol => (ushort)(symbol.VersionIndex & ~HiddenBit));
        foreach (SymbolVersionNeed need in missing)
        {
            foreach (RelocatedSymbol symbol in used[need.Index])
            {
                if (!OlderVersions.TryGetValue((symbol.Name, need.Version), out string? older)
                    || !defined.Contains(older)
                    || !needs.Any(candidate => candidate.Library == library && candidate.Version == older))
                {
                    throw new DdoqException(
                        $"{library} of this system lacks version {need.Version}, whose symbol {symbol.Name} is needed",
                        "Use a system with a newer libstdc++ (Debian 12, Ubuntu 22.04 and RHEL 9 or later are new enough), "
                        + "or put a newer libstdc++.so.6 on LD_LIBRARY_PATH.");
                }

                SymbolVersionNeed target = needs.First(candidate => candidate.Library == library && candidate.Version == older);
                edits.Add(new Edit(symbol.VersionOffset, target.Index, $"{symbol.Name} bound to {older}"));
            }

            edits.Add(new Edit(need.FlagsOffset, (ushort)(need.Flags | Weak), $"{need.Version} marked weak"));
        }

        return edits;
    }

    /// <summary>Carries out the edits in place.</summary>
    public static void Apply(Span<byte> bytes, IReadOnlyList<Edit> edits)
    {
        foreach (Edit edit in edits)
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[edit.Offset..], edit.Value);
    }

    /// <summary>One 16-bit word to write.</summary>
    internal readonly record struct Edit(int Offset, ushort Value, string Description);
}
