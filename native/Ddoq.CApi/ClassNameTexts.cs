using Ddoq.Latents;

namespace Ddoq.CApi;

/// <summary>Class names in unmanaged memory.</summary>
internal sealed unsafe class ClassNameTexts(IReadOnlyList<string> names) : IDisposable
{
    private readonly NativeText[] _texts = [.. names.Select(name => new NativeText(name))];

    /// <summary>The name of a class.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such class.</exception>
    public nint Of(int classIndex)
    {
        LatentErrors.CheckClass(classIndex, _texts.Length);
        return (nint)_texts[classIndex].Pointer;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (NativeText text in _texts)
            text.Dispose();
    }
}
