using Ddoq.Latents;

namespace Ddoq.CApi;

/// <summary>What a ddoq_store stands for: a mapped store, and its class names in the caller's form.</summary>
internal sealed class StoreObject : IDisposable
{
    /// <summary>Maps a store.</summary>
    public StoreObject(string path)
    {
        Path = path;
        Store = LatentStore.Open(path);
        ClassNames = new ClassNameTexts(Store.ClassNames);
    }

    public string Path { get; }

    public LatentStore Store { get; }

    public ClassNameTexts ClassNames { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Store.Dispose();
        ClassNames.Dispose();
    }
}
