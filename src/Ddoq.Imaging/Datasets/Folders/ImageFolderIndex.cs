using System.Text;

namespace Ddoq.Imaging;

/// <summary>Which files an ImageFolder has, in dataset order, and what their labels are. Immutable once built.</summary>
internal sealed record ImageFolderIndex
{
    /// <summary>The data folder as it was given.</summary>
    public required string Location { get; init; }

    /// <summary>The split's folder below it, or the empty string.</summary>
    public required string Part { get; init; }

    /// <summary>Class folder names in class order.</summary>
    public required string[] Folders { get; init; }

    /// <summary>The label of each class folder.</summary>
    public required int[] LabelOfFolder { get; init; }

    /// <summary>Class names in label order.</summary>
    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>The class folder of each image.</summary>
    public required int[] FolderOf { get; init; }

    /// <summary>The path of each image below its class folder.</summary>
    public required FileNameTable Names { get; init; }

    /// <summary>What was left out.</summary>
    public required RemarkCounter PassedOver { get; init; }

    /// <summary>The path of an image below the class folders' root, for example <c>cat/1.png</c>.</summary>
    public string NameInPart(int index) => $"{Folders[FolderOf[index]]}/{Names[index]}";

    /// <summary>The path of an image below <see cref="Location"/>.</summary>
    public string NameOf(int index) => Part.Length == 0 ? NameInPart(index) : $"{Part}/{NameInPart(index)}";

    /// <summary>The path of an image.</summary>
    public string PathOf(int index) => Path.Combine(Location, NameOf(index));

    /// <summary>The images of some classes, in the same order.</summary>
    /// <exception cref="DdoqException">A class of the subset is missing.</exception>
    public ImageFolderIndex Only(ClassSubset subset)
    {
        (string[] classNames, int[] map) = ClassSubset.Apply(subset, ClassNames, Path.Combine(Location, Part));
        var names = new FileNameTable();
        var folderOf = new List<int>();
        for (int i = 0; i < FolderOf.Length; i++)
        {
            if (map[LabelOfFolder[FolderOf[i]]] < 0)
                continue;
            names.Add(Names[i]);
            folderOf.Add(FolderOf[i]);
        }

        return this with
        {
            ClassNames = classNames,
            LabelOfFolder = [.. LabelOfFolder.Select(label => label < 0 ? -1 : map[label])],
            FolderOf = [.. folderOf],
            Names = names,
        };
    }

    /// <summary>The images as a dataset.</summary>
    public IImageDataset Open(ImageDatasetOptions options) => new EncodedImageDataset(
        Location,
        "folder",
        new FolderImages(this),
        [.. FolderOf.Select(folder => LabelOfFolder[folder])],
        ClassNames,
        ClassNames.All(WordNetId.Is) ? options with { AllowMismatchedExtension = true } : options,
        PassedOver);

    /// <summary>The same images with labels that follow another list of the same class names.</summary>
    /// <exception cref="DdoqException">The lists do not hold the same names.</exception>
    public ImageFolderIndex Relabelled(IReadOnlyList<string> classNames, string wantedIn)
    {
        int[] map = ClassOrder.Map(ClassNames, classNames, Path.Combine(Location, Part), wantedIn);
        return this with { ClassNames = [.. classNames], LabelOfFolder = [.. LabelOfFolder.Select(label => label < 0 ? -1 : map[label])] };
    }
}

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
    public byte[] SampleOf(int i) => DataFile.SampleOf(index.PathOf(i));

    /// <inheritdoc/>
    public byte[] Read(int i) => DataFile.ReadImage(index.PathOf(i));

    /// <inheritdoc/>
    public ImageHeader ReadHeader(int i, ImageDatasetOptions options) => ImageHeader.Read(index.PathOf(i), options);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }
}

/// <summary>File names as UTF-8 in one array: about a third of the memory of strings, which counts at 14 million images.</summary>
internal sealed class FileNameTable
{
    private byte[] _bytes = new byte[1024];
    private readonly List<int> _ends = [];

    public int Count => _ends.Count;

    public string this[int index]
    {
        get
        {
            int start = index == 0 ? 0 : _ends[index - 1];
            return Encoding.UTF8.GetString(_bytes.AsSpan(start, _ends[index] - start));
        }
    }

    public void Add(string name)
    {
        int start = _ends.Count == 0 ? 0 : _ends[^1];
        int end = checked(start + Encoding.UTF8.GetByteCount(name));
        if (end > _bytes.Length)
            Array.Resize(ref _bytes, (int)Math.Clamp(2L * _bytes.Length, end, Array.MaxLength));
        Encoding.UTF8.GetBytes(name, _bytes.AsSpan(start));
        _ends.Add(end);
    }
}
