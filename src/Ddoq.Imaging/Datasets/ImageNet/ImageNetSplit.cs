using Ddoq.Distilled;

namespace Ddoq.Imaging;

/// <summary>How one part of ImageNet lies on disk.</summary>
internal enum SplitKind
{
    /// <summary>A folder for each class.</summary>
    ClassFolders,

    /// <summary>A tar archive for each class.</summary>
    ClassArchives,

    /// <summary>Image files in one folder, their classes in a list.</summary>
    Files,

    /// <summary>The same files in one archive.</summary>
    Archive,
}

/// <summary>One part of ImageNet on disk.</summary>
/// <param name="Location">The data folder as it was given.</param>
/// <param name="Part">The part below it: a folder, an archive, or empty for the data folder itself.</param>
/// <param name="Kind">How it lies there.</param>
internal sealed record ImageNetSplit(string Location, string Part, SplitKind Kind)
{
    /// <summary>What the names of the official archives begin with, which are no classes.</summary>
    public const string OfficialPrefix = "ILSVRC2012_";

    private const string ArchiveExtension = ".tar";

    /// <summary>The part's path.</summary>
    public string Path => System.IO.Path.Combine(Location, Part);

    /// <summary>Finds out how a folder's images lie there; null when it holds none.</summary>
    /// <exception cref="DdoqException">It holds both class folders and archives.</exception>
    public static ImageNetSplit? Find(string location, string part)
    {
        string folder = System.IO.Path.Combine(location, part);
        if (!Directory.Exists(folder))
            return null;
        bool folders = ImageFolderScanner.Folders(folder).Length > 0;
        string[] archives = ClassArchives(folder);
        if (part.Length > 0 && folders && archives.Length > 0)
        {
            throw new DdoqException(
                $"{folder} has class folders and {archives.Length} archives, the first {archives[0]}",
                "finish unpacking and remove the archives, or remove the folders");
        }

        return archives.Length > 0 ? new ImageNetSplit(location, part, SplitKind.ClassArchives)
            : folders ? new ImageNetSplit(location, part, SplitKind.ClassFolders)
            : ImageFolderScanner.HoldsImages(folder) ? new ImageNetSplit(location, part, SplitKind.Files)
            : null;
    }

    /// <summary>The names of the classes in order; null where a list tells them.</summary>
    public string[]? ClassNames => Kind switch
    {
        SplitKind.ClassFolders => ImageFolderScanner.Folders(Path),
        SplitKind.ClassArchives => [.. ClassArchives(Path).Select(name => name[..^ArchiveExtension.Length]).Order(CodePointOrder.Instance)],
        _ => null,
    };

    /// <summary>Indexes the images of some classes and gives them the labels of those.</summary>
    /// <param name="classNames">The classes in label order.</param>
    /// <param name="wantedIn">Where the classes come from, for messages.</param>
    /// <param name="options">How images are decoded; with a subset of classes, others that the part has are left out.</param>
    /// <exception cref="DdoqException">Classes are missing, or are there that should not be; an archive is damaged.</exception>
    public IImageDataset Open(string[] classNames, string wantedIn, ImageDatasetOptions options)
    {
        options = options with { AllowMismatchedExtension = true };
        if (Kind is SplitKind.Files or SplitKind.Archive)
            return OpenList(classNames, wantedIn, options);

        string[] found = ClassNames!;
        if (options.Classes is not null)
            found = [.. found.Intersect(classNames, StringComparer.Ordinal)];
        int[] labelOf = ClassOrder.Map(found, classNames, Path, wantedIn);
        if (Kind == SplitKind.ClassFolders)
        {
            ImageFolderIndex index = ImageFolderScanner.Scan(Location, Part, options.Classes, options.Cancellation);
            return index.Relabelled(classNames, wantedIn).Open(options);
        }

        var remarks = new RemarkCounter();
        var archives = new TarMember[found.Length][];
        WorkerLoop.Run(
            found.Length,
            Environment.ProcessorCount,
            i => archives[i] = ImagesOf(System.IO.Path.Combine(Path, found[i] + ArchiveExtension), remarks, options.Cancellation),
            options.Cancellation);
        var images = new TarImages(Location, Part);
        var labels = new List<int>();
        for (int i = 0; i < found.Length; i++)
        {
            images.AddArchive(found[i] + ArchiveExtension);
            foreach (TarMember member in archives[i])
            {
                images.AddImage(member);
                labels.Add(labelOf[i]);
            }
        }

        return new EncodedImageDataset(Location, "tar", images, [.. labels], classNames, options, remarks);
    }

    /// <summary>The classes that a list gives the images of this part, in order.</summary>
    /// <exception cref="DdoqException">An image has no label.</exception>
    public string[] ListedClasses(ValidationLabels list) =>
        [.. ListedImages().Select(name => list.ClassOf(name, Path)).Distinct(StringComparer.Ordinal).Order(CodePointOrder.Instance)];

    private IEnumerable<string> ListedImages() => Kind == SplitKind.Files ? ImageFolderScanner.Images(Path) : ImagesOf(Path, null, default).Select(member => member.Name);

    private EncodedImageDataset OpenList(string[] classNames, string wantedIn, ImageDatasetOptions options)
    {
        var list = ValidationLabels.Read(Location, Path);
        var labelOf = classNames.Select((name, label) => (name, label)).ToDictionary(pair => pair.name, pair => pair.label, StringComparer.Ordinal);
        var labels = new List<int>();
        var remarks = new RemarkCounter();
        bool Takes(string name)
        {
            string synset = list.ClassOf(name, System.IO.Path.Combine(Path, name));
            if (labelOf.TryGetValue(synset, out int label))
                labels.Add(label);
            else if (options.Classes is null)
                throw new DdoqException($"{System.IO.Path.Combine(Path, name)} is of class {synset}, which {wantedIn} does not have", "give the classes to take by --classes");
            else
                return false;
            return true;
        }

        IEncodedImages images;
        if (Kind == SplitKind.Files)
        {
            var names = new FileNameTable();
            foreach (string name in ImageFolderScanner.Images(Path, remarks).Where(Takes))
                names.Add(name);
            images = new FlatImages(Location, Part, names);
        }
        else
        {
            var archive = new TarImages(Location, System.IO.Path.GetDirectoryName(Part) ?? "");
            archive.AddArchive(System.IO.Path.GetFileName(Part));
            foreach (TarMember member in ImagesOf(Path, remarks, options.Cancellation).Where(member => Takes(member.Name)))
                archive.AddImage(member);
            images = archive;
        }

        int empty = Array.FindIndex(Counts(labels, classNames.Length), count => count == 0);
        return empty < 0
            ? new EncodedImageDataset(Location, Kind == SplitKind.Files ? "list" : "tar", images, [.. labels], classNames, options, remarks)
            : throw new DdoqException($"{Path} has no image of class {classNames[empty]}", "fetch the images again, or give the classes to take by --classes");
    }

    private static int[] Counts(List<int> labels, int classes)
    {
        var counts = new int[classes];
        foreach (int label in labels)
            counts[label]++;
        return counts;
    }

    private static string[] ClassArchives(string folder) =>
        [.. TarIndex.ArchivesIn(folder).Where(name => !name.StartsWith(OfficialPrefix, StringComparison.Ordinal))];

    private static TarMember[] ImagesOf(string archive, RemarkCounter? remarks, CancellationToken cancellation)
    {
        string file = System.IO.Path.GetFileName(archive);
        var found = new RemarkCounter();
        TarMember[] images = [.. TarIndex.Members(archive, remarks, cancellation).Where(IsImage)];
        return images.Length > 0 ? images : throw new DdoqException(
            $"{archive} holds no images ({ImageSignature.ExtensionList})" + string.Concat(found.ToList().Select(remark => $"; {remark}")),
            "fetch the archive again, or remove it");

        bool IsImage(TarMember member)
        {
            if (FileKinds.OfFile(System.IO.Path.GetFileName(member.Name)) is not { } kind)
                return true;
            found.Add(kind, $"{file}:{member.Name}");
            remarks?.Add(kind, $"{file}:{member.Name}");
            return false;
        }
    }
}

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
    public byte[] SampleOf(int index) => DataFile.SampleOf(PlaceOf(index));

    /// <inheritdoc/>
    public byte[] Read(int index) => DataFile.ReadImage(PlaceOf(index));

    /// <inheritdoc/>
    public ImageHeader ReadHeader(int index, ImageDatasetOptions options) => ImageHeader.Read(PlaceOf(index), options);

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }
}

/// <summary>ImageNet's class names: <c>n</c> and the eight digits of a WordNet synset.</summary>
internal static class WordNetId
{
    /// <summary>True for a name such as <c>n01440764</c>.</summary>
    public static bool Is(string name) => name.Length == 9 && name[0] == 'n' && !name.AsSpan(1).ContainsAnyExceptInRange('0', '9');
}
