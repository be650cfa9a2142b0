namespace Ddoq.Imaging;

/// <summary>Which files an ImageFolder has, in dataset order, and what their labels are. Immutable once built.</summary>
internal sealed record ImageFolderIndex
{
    /// <summary>The data folder as it was given.</summary>
    public required string Location { get; init; }

    /// <summary>The split's folder below it, or the empty string.</summary>
    public required string Part { get; init; }

    /// <summary>Class folder names, ordinal.</summary>
    public required string[] Folders { get; init; }

    /// <summary>The label of each class folder.</summary>
    public required int[] LabelOfFolder { get; init; }

    /// <summary>Class names in label order.</summary>
    public required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>The class folder of each image.</summary>
    public required int[] FolderOf { get; init; }

    /// <summary>The path of each image below its class folder.</summary>
    public required FileNameTable Names { get; init; }

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
        ClassNames.All(WordNetId.Is) ? options with { AllowMismatchedExtension = true } : options);

    /// <summary>The same images with labels that follow another list of the same class names.</summary>
    /// <exception cref="DdoqException">The lists do not hold the same names.</exception>
    public ImageFolderIndex Relabelled(IReadOnlyList<string> classNames, string wantedIn)
    {
        int[] map = ClassOrder.Map(ClassNames, classNames, Path.Combine(Location, Part), wantedIn);
        return this with { ClassNames = [.. classNames], LabelOfFolder = [.. LabelOfFolder.Select(label => label < 0 ? -1 : map[label])] };
    }
}
