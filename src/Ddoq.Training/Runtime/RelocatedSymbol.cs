namespace Ddoq.Training.Runtime;

/// <summary>A symbol that some relocation refers to, with its version.</summary>
/// <param name="Name">The mangled name.</param>
/// <param name="VersionIndex">The version's index, with bit 15 for hidden symbols.</param>
/// <param name="VersionOffset">Where the 16 bits of <paramref name="VersionIndex"/> stand in the file.</param>
internal readonly record struct RelocatedSymbol(string Name, ushort VersionIndex, int VersionOffset);
