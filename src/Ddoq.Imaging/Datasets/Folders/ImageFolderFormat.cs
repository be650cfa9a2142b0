using Ddoq.Distilled;

namespace Ddoq.Imaging;

/// <summary>Class folders of image files, split or not, as torchvision's <c>ImageFolder</c> and Hugging Face's <c>imagefolder</c> know them.</summary>
/// <remarks>
/// A folder named for a split is one only when it holds folders itself, so a class may be called <c>train</c>. Of the test
/// folders <c>val</c> comes first because ImageNet's <c>test</c> has no labels.
/// </remarks>
internal sealed class ImageFolderFormat : IDatasetFormat
{
    /// <inheritdoc/>
    public string Layout =>
        $"an ImageFolder: train/<class>/* with val/<class>/* or test/<class>/* beside it, or <class>/* alone, of {ImageSignature.ExtensionList} files";

    /// <inheritdoc/>
    public bool Recognises(string folder) => ImageFolderScanner.Folders(folder).Length > 0;

    /// <inheritdoc/>
    public IImageDataset Open(string folder, DatasetSplit split, ImageDatasetOptions options)
    {
        string? train = IsSplit(folder, SplitNames.Train) ? SplitNames.Train : null;
        string? test = SplitNames.Test.FirstOrDefault(name => IsSplit(folder, name));
        string part = split switch
        {
            DatasetSplit.Unsplit => "",
            DatasetSplit.Train => train ?? (test is null ? "" : throw new UsageException(
                $"{folder} has a folder {test}/ but no train/",
                $"call the training images' folder train/; to train on {test}/ itself, give {Path.Combine(folder, test)}")),
            _ => test ?? throw new UsageException(
                $"{folder} has no test images: none of the folders {string.Join("/, ", SplitNames.Test)}/ with class folders is there",
                "give a folder that has one, or name the test images' own folder"),
        };

        RefuseParts(folder, part);
        ImageFolderIndex index = Index(folder, part, options);
        if (split == DatasetSplit.Test && train is not null)
        {
            string where = Path.Combine(folder, train);
            IReadOnlyList<string> classes = TrainClasses(folder);
            index = index.Relabelled(options.Classes?.Of(classes, where) ?? classes, where);
        }

        if (options.ClassNames is { } wanted)
            index = index.Relabelled(wanted, "the expected list");
        return index.Open(options);
    }

    private static bool IsSplit(string folder, string name) =>
        Directory.Exists(Path.Combine(folder, name)) && ImageFolderScanner.Folders(Path.Combine(folder, name)).Length > 0;

    /// <summary>A part of a dataset that is called otherwise, or lies a folder deeper, would become a class of training and test images.</summary>
    private static void RefuseParts(string folder, string part)
    {
        string root = Path.Combine(folder, part);
        if (ImageFolderScanner.PartAmongClasses(root) is not { } found)
            return;
        throw found.Split('/') is [var name, var deeper]
            ? new DdoqException(
                $"{Path.Combine(root, name)} holds the folder {deeper}/ with class folders in it: the dataset lies one folder deeper",
                $"give {Path.Combine(root, name)} as --data-dir, or rename {deeper}/ if it is of a class")
            : new DdoqException(
                $"{Path.Combine(root, found)} holds class folders and no images of its own, as a part of a dataset does; parts are called {SplitNames.Train}/ and {string.Join("/, ", SplitNames.Test)}/, in lower case",
                $"rename it, for example to {SplitNames.Train}/; or give {Path.Combine(root, found)} itself");
    }

    private static ImageFolderIndex Index(string folder, string part, ImageDatasetOptions options)
    {
        if (DistilledSet.TryLoad(folder, part) is not { } set)
            return ImageFolderScanner.Scan(folder, part, options.Classes, options.Cancellation);

        // The metadata names every image of the set, so all are listed before some are taken.
        ImageFolderIndex index = DistilledMetadata.Reorder(set, ImageFolderScanner.Scan(folder, part, cancellation: options.Cancellation));
        return options.Classes is null ? index : index.Only(options.Classes);
    }

    /// <summary>The class names that number the labels of the training split, without listing its images.</summary>
    private static IReadOnlyList<string> TrainClasses(string folder) =>
        DistilledSet.TryLoad(folder)?.ClassNames ?? ImageFolderScanner.Folders(Path.Combine(folder, "train"));
}

/// <summary>An image folder in the order and with the labels that the list of a distilled set gives its images.</summary>
internal static class DistilledMetadata
{
    /// <summary>The scanned images in the order of the list and with its labels.</summary>
    /// <param name="set">The list.</param>
    /// <param name="scanned">What lies in the folder.</param>
    /// <exception cref="DdoqException">List and files do not match, or a folder has images of several labels.</exception>
    public static ImageFolderIndex Reorder(DistilledSet set, ImageFolderIndex scanned)
    {
        string list = Path.Combine(scanned.Location, scanned.Part, DistilledSet.MetadataFileName);
        var indexOf = new Dictionary<string, int>(scanned.FolderOf.Length, StringComparer.Ordinal);
        for (int i = 0; i < scanned.FolderOf.Length; i++)
            indexOf.Add(scanned.NameInPart(i), i);
        var names = new FileNameTable();
        var folderOf = new int[set.Images.Count];
        int[] labelOfFolder = [.. Enumerable.Repeat(-1, scanned.Folders.Length)];
        for (int row = 0; row < set.Images.Count; row++)
        {
            (string name, int label) = (set.Images[row].FileName, set.Images[row].Label);
            if (!indexOf.Remove(name, out int index))
                throw new DdoqException($"'{list}' lists '{name}', which is not there", "Restore the file, or make the set again.");
            int folder = scanned.FolderOf[index];
            if (labelOfFolder[folder] >= 0 && labelOfFolder[folder] != label)
            {
                throw new DdoqException(
                    $"'{list}': '{name}' has label {label}, other images of its folder have {labelOfFolder[folder]}",
                    "A class folder has one label: make the set again.");
            }

            labelOfFolder[folder] = label;
            folderOf[row] = folder;
            names.Add(scanned.Names[index]);
        }

        if (indexOf.Count > 0)
        {
            throw new DdoqException(
                $"{indexOf.Count} images of the folders are not listed in '{list}', the first is '{indexOf.Keys.Min(StringComparer.Ordinal)}'",
                "Remove what does not belong to the set, or add its lines.");
        }

        return scanned with { Names = names, FolderOf = folderOf, LabelOfFolder = labelOfFolder, ClassNames = set.ClassNames };
    }
}
