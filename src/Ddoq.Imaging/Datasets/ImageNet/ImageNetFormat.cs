namespace Ddoq.Imaging;

/// <summary>ImageNet as its sources ship it: an archive a class, validation images in one folder, Kaggle's folders.</summary>
/// <remarks>
/// <list type="bullet">
/// <item><c>train/n01440764.tar</c>, or the archives in the data folder itself (ImageNet-21K, or ILSVRC2012_img_train.tar unpacked once);
/// any name will do for a class, not only WordNet's.</item>
/// <item><c>val/ILSVRC2012_val_00000001.JPEG</c> or <c>ILSVRC2012_img_val.tar</c>, with <see cref="ValidationLabels"/>.</item>
/// <item><c>ILSVRC/Data/CLS-LOC/train</c> and <c>val</c>, the tree of the Kaggle challenge.</item>
/// </list>
/// Each part is recognised by itself, so they mix, also with class folders; class folders alone are an ImageFolder.
/// </remarks>
internal sealed class ImageNetFormat : IDatasetFormat
{
    private const string ValidationArchive = "ILSVRC2012_img_val.tar", SynsetList = "LOC_synset_mapping.txt";

    private static readonly string[] s_kaggleRoots = ["ILSVRC/Data/CLS-LOC", "Data/CLS-LOC"];

    /// <inheritdoc/>
    public string Layout =>
        "ImageNet: train/<class>/* or train/<class>.tar (or the archives alone), with val/ or ILSVRC2012_img_val.tar and the development kit or "
        + "LOC_val_solution.csv; or the Kaggle download with ILSVRC/Data/CLS-LOC";

    /// <inheritdoc/>
    public bool Recognises(string folder)
    {
        string root = RootOf(folder);
        return root.Length > 0
            || Train(folder, root) is { Kind: not SplitKind.ClassFolders }
            || Test(folder, root) is { Kind: not SplitKind.ClassFolders };
    }

    /// <inheritdoc/>
    public IImageDataset Open(string folder, DatasetSplit split, ImageDatasetOptions options)
    {
        string root = RootOf(folder);
        ImageNetSplit? train = Train(folder, root), test = Test(folder, root);
        if (split == DatasetSplit.Unsplit)
        {
            train = ImageNetSplit.Find(folder, "") ?? throw new UsageException($"{folder} has no class folders or archives itself", "name the split");
            test = null;
        }

        ImageNetSplit part = split == DatasetSplit.Test
            ? test ?? throw new UsageException(
                $"{folder} has no test images: neither one of the folders {string.Join("/, ", SplitNames.Test)}/ nor {ValidationArchive} is there",
                "give a folder that has one, or name the test images' own folder")
            : train ?? throw new UsageException($"{Path.Combine(folder, root)} has {(test is null ? "no images" : $"{test.Part} but no train/")}", "put the training images' folders or archives into train/");
        if (part.Kind == SplitKind.Files && split != DatasetSplit.Test)
            throw new UsageException($"{part.Path} has images without class folders", "put the images of each class into a folder or an archive named for the class");

        // The training part numbers the labels of both.
        ImageNetSplit defining = train ?? test!;
        string[] all = defining.ClassNames ?? defining.ListedClasses(ValidationLabels.Read(folder, defining.Path));
        CheckListed(folder, all, defining.Path);
        string[] classNames = options.Classes?.Of(all, defining.Path) ?? all;
        string wantedIn = defining.Path;
        if (options.ClassNames is { } wanted)
        {
            ClassOrder.Map(classNames, wanted, wantedIn, "the expected list");
            classNames = [.. wanted];
        }

        return part.Open(classNames, wantedIn, options);
    }

    private static string RootOf(string folder) =>
        s_kaggleRoots.FirstOrDefault(root => Directory.Exists(Path.Combine(folder, root))) ?? "";

    private static ImageNetSplit? Train(string folder, string root)
    {
        string part = Join(root, SplitNames.Train);
        if (ImageNetSplit.Find(folder, part) is { Kind: not SplitKind.Files } split)
            return split;
        return root.Length == 0 && ImageNetSplit.Find(folder, "") is { Kind: SplitKind.ClassArchives } archives ? archives : null;
    }

    private static ImageNetSplit? Test(string folder, string root)
    {
        foreach (string name in SplitNames.Test)
        {
            // A folder of images is a split only beside a training split or with labels: a class may be called val.
            if (ImageNetSplit.Find(folder, Join(root, name)) is { } split
                && (split.Kind != SplitKind.Files || ValidationLabels.AreIn(folder) || Train(folder, root) is not null))
            {
                return split;
            }
        }

        return File.Exists(Path.Combine(folder, ValidationArchive)) ? new ImageNetSplit(folder, ValidationArchive, SplitKind.Archive) : null;
    }

    /// <summary>Kaggle's list of the synsets must know the classes: another list belongs to other data.</summary>
    private static void CheckListed(string folder, string[] classNames, string where)
    {
        string path = Path.Combine(folder, SynsetList);
        if (!File.Exists(path))
            return;
        HashSet<string> listed = [.. DataFile.ReadAllLines(path).Select(line => line.Split(' ', 2)[0])];
        if (classNames.FirstOrDefault(name => !listed.Contains(name)) is { } unknown)
            throw new DdoqException($"{where} has the class {unknown}, which is not in {path}", "remove what is no class, or fetch the list again");
    }

    private static string Join(string root, string name) => root.Length == 0 ? name : $"{root}/{name}";
}
