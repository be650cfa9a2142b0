using Ddoq.Distilled;

namespace Ddoq.CApi;

/// <summary>What a ddoq_prototypes stands for: a mapped file, and its class names in the caller's form.</summary>
internal sealed class PrototypesObject : IDisposable
{
    /// <summary>Maps a file.</summary>
    public PrototypesObject(string path)
    {
        Prototypes = PrototypeSet.Load(path);
        ClassNames = new ClassNameTexts(Prototypes.ClassNames);
    }

    public PrototypeSet Prototypes { get; }

    public ClassNameTexts ClassNames { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Prototypes.Dispose();
        ClassNames.Dispose();
    }
}
