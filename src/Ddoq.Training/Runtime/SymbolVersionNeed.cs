namespace Ddoq.Training.Runtime;

/// <summary>One version that a library asks of another (an ELF <c>Vernaux</c> record).</summary>
/// <param name="Library">The other library, for example <c>libstdc++.so.6</c>.</param>
/// <param name="Version">The version, for example <c>GLIBCXX_3.4.32</c>.</param>
/// <param name="Flags">VER_FLG_WEAK (2): the linker warns instead of refusing when the version is missing.</param>
/// <param name="Index">The number by which symbols refer to this version.</param>
/// <param name="FlagsOffset">Where the 16 bits of <paramref name="Flags"/> stand in the file.</param>
internal readonly record struct SymbolVersionNeed(
    string Library, string Version, ushort Flags, ushort Index, int FlagsOffset);
