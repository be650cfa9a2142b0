namespace Ddoq.Imaging;

/// <summary>Images that are files, found by an <see cref="ImageFolderIndex"/>; open only while they are read.</summary>
internal sealed class FolderImages(ImageFolderIndex index) : IEncodedImages
{
    /// <inheritdoc/>
    public int Count => index.FolderOf.Length;

    /// <inheritdoc/>
    /// <remarks>The split's folder is left out: a copy may call <c>val/</c> <c>test/</c>.</remarks>
    public string KeyOf(int i) => index.NameInPart(i);

    /// <inheritdoc/>
    public string NameOf(int i) => index.NameOf(i);

    /// <inheritdoc/>
    public string PlaceOf(int i) => index.PathOf(i);

    /// <inheritdoc/>
    public long LengthOf(int i) => DataFile.Guard(index.PathOf(i), 0, static (_, path) => new FileInfo(path).Length);

    /// <inheritdoc/>
    public byte[] Read(int i) => DataFile.ReadAllBytes(index.PathOf(i));

    /// <inheritdoc/>
    public ImageHeader ReadHeader(int i, ImageDatasetOptions options) => ImageHeader.Read(index.PathOf(i), options);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }
}
