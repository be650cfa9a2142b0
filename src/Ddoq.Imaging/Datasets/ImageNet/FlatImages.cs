namespace Ddoq.Imaging;

/// <summary>Images that are files in one folder; open only while they are read.</summary>
/// <param name="location">The data folder as it was given.</param>
/// <param name="part">The images' folder below it.</param>
/// <param name="names">Their file names.</param>
internal sealed class FlatImages(string location, string part, FileNameTable names) : IEncodedImages
{
    /// <inheritdoc/>
    public int Count => names.Count;

    /// <inheritdoc/>
    public string KeyOf(int index) => names[index];

    /// <inheritdoc/>
    public string NameOf(int index) => $"{part}/{names[index]}";

    /// <inheritdoc/>
    public string PlaceOf(int index) => Path.Combine(location, part, names[index]);

    /// <inheritdoc/>
    public long LengthOf(int index) => DataFile.Guard(PlaceOf(index), 0, static (_, path) => new FileInfo(path).Length);

    /// <inheritdoc/>
    public byte[] Read(int index) => DataFile.ReadAllBytes(PlaceOf(index));

    /// <inheritdoc/>
    public ImageHeader ReadHeader(int index, ImageDatasetOptions options) => ImageHeader.Read(PlaceOf(index), options);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }
}
