using System.Buffers.Binary;

namespace Ddoq.Training.Runtime;

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
