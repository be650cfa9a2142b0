using Ddoq.Distilled;

namespace Ddoq.Imaging;

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
