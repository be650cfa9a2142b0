namespace Ddoq.Imaging;

/// <summary>The encoded images of a dataset wherever they are stored: files, members of archives, cells of a table.</summary>
/// <remarks>Immutable; all members may be called from many threads at once.</remarks>
internal interface IEncodedImages : IDisposable
{
    /// <summary>The number of images, N.</summary>
    int Count { get; }

    /// <summary>The name of an image within its split, which a copy of the data elsewhere shares.</summary>
    string KeyOf(int index);

    /// <summary>The name of an image below the data folder.</summary>
    string NameOf(int index);

    /// <summary>Where an image is, for errors; where it ends in a known extension, that promises its format.</summary>
    string PlaceOf(int index);

    /// <summary>Bytes of an image or, where only reading it would tell, of the block that holds it.</summary>
    /// <exception cref="DdoqException">A file disappeared.</exception>
    long LengthOf(int index);

    /// <summary>The encoded bytes of an image.</summary>
    /// <exception cref="DdoqException">They cannot be read.</exception>
    byte[] Read(int index);

    /// <summary>What the header of an image says.</summary>
    /// <exception cref="DamagedImageException">The header is damaged.</exception>
    /// <exception cref="DdoqException">It cannot be read, or is of a format that is not.</exception>
    ImageHeader ReadHeader(int index, ImageDatasetOptions options);
}
