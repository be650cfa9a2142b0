namespace Ddoq.Storage;

/// <summary>The small texts that Git LFS and git-annex keep in place of a large file until it is fetched.</summary>
public static class GitPointer
{
    /// <summary>The first bytes of a file that tell a pointer.</summary>
    public const int Length = 24;

    /// <summary>Refuses a pointer where its file should be.</summary>
    /// <param name="start">The first bytes of the file; fewer than <see cref="Length"/> where it is shorter.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="DdoqException">The file is such a pointer; the hint says how to fetch what it stands for.</exception>
    public static void Refuse(ReadOnlySpan<byte> start, string path)
    {
        if (start.StartsWith("version https://git-lfs"u8))
            throw new DdoqException($"{path} is a pointer of Git LFS, its contents were not fetched", "run 'git lfs pull' in the repository it comes from");
        if (start.StartsWith("/annex/objects/"u8))
            throw Annexed(path);
    }

    /// <summary>The error for a link or pointer of git-annex.</summary>
    public static DdoqException Annexed(string path) =>
        new($"{path} is a pointer of git-annex, its contents were not fetched", "run 'git annex get' in the repository it comes from");
}
