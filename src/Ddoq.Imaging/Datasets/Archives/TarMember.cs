namespace Ddoq.Imaging;

/// <summary>A file in a tar archive and where its bytes are.</summary>
/// <param name="Name">Its path in the archive, without a leading <c>./</c>.</param>
/// <param name="Offset">The byte of the archive at which its contents start.</param>
/// <param name="Length">Bytes of its contents.</param>
internal readonly record struct TarMember(string Name, long Offset, int Length);
